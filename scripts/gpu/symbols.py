"""Which symbols a library wants that no libtorch of a folder has: read from the files, nothing is loaded.

    python3 symbols.py libLibTorchSharp.so FOLDER

A function that is missing ends the process when it is called first; data that is missing keeps the library from loading. Exit code 1 where one is missing.
"""
import glob
import os
import struct
import sys


def dynamic_symbols(path):
    """Names that an ELF file of 64 bits, little end first, defines and wants: {name: (is defined, is data, is weak)}."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:6] != b"\x7fELF\x02\x01":
        raise SystemExit(f"{path} is no ELF file of 64 bits")
    table, = struct.unpack_from("<Q", data, 40)
    size, count = struct.unpack_from("<HH", data, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, table + i * size) for i in range(count)]
    found = {}
    for _, kind, _, _, offset, length, link, _, _, entry in sections:
        if kind != 11:  # SHT_DYNSYM
            continue
        strings = sections[link][4]
        for at in range(offset, offset + length, entry):
            name, info, _, section = struct.unpack_from("<IBBH", data, at)
            if name:
                end = data.index(b"\0", strings + name)
                found[data[strings + name:end].decode()] = (section != 0, info & 15 == 1, info >> 4 == 2)
    return found


def main(library, folder):
    libraries = sorted(path for path in glob.glob(os.path.join(folder, "*.so*")) if "torch" in os.path.basename(path) or "c10" in os.path.basename(path))
    if not libraries:
        raise SystemExit(f"'{folder}' holds no libtorch")
    defined = set()
    for path in libraries:
        defined.update(name for name, (is_defined, _, _) in dynamic_symbols(path).items() if is_defined)
    wanted = {name: kind for name, kind in dynamic_symbols(library).items() if not kind[0]}
    # Of libtorch are names of its namespaces; the rest is the C and C++ runtime's.
    torch = {name: kind for name, kind in wanted.items() if any(part in name for part in ("2at", "3c10", "5torch", "6caffe2"))}
    missing = sorted(name for name, (_, _, is_weak) in torch.items() if name not in defined and not is_weak)
    others = len(wanted) - len(torch)
    print(f"{os.path.basename(library)} wants {len(torch)} symbols of libtorch and {others} others; {len(libraries)} libraries define {len(defined)}")
    for name in missing:
        print(f"missing: {name}")
    print(f"{len(missing)} missing")
    return 1 if missing else 0


if __name__ == "__main__":
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    sys.exit(main(*sys.argv[1:]))
