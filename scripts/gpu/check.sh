#!/usr/bin/env bash
# Everything that is to be known of a machine with a GPU, in one run of some ten minutes:
#
#     scripts/gpu/check.sh pack                                  # where there is the SDK: writes scripts/gpu/app.tar.xz, which is what to carry there
#     scripts/gpu/check.sh [--device cuda|cuda:N|cpu] [--small] [--out FOLDER]
#
# The second wants the repository, app.tar.xz in it (or --app FOLDER, a build without libtorch), and libtorch: the folder that APERTURE_LIBTORCH names, else
# that of the torch which `python3` (or $PYTHON) imports. With --device cpu --small it runs to its end on any machine, which is how it is tried out.
# PATIENCE=4 gives every part four times its time, for a busy machine. A part that fails does not end the run; the last lines name what failed, and the exit
# code is their number.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd) root=$(cd "$(dirname "$0")/../.." && pwd)
device=cuda small="" out="" app="" mode=run python=${PYTHON:-python3} patience=${PATIENCE:-1}
readonly most_bytes=$((64 * 1024 * 1024))

fail() { echo "check.sh: $1" >&2; exit 64; }
while [ $# -gt 0 ]; do
    case $1 in
        pack) mode=pack ;;
        --small) small=1 ;;
        --device | --out | --app) [ $# -gt 1 ] || fail "$1 needs a value"; declare "${1#--}=$2"; shift ;;
        *) fail "'$1' is not known; there are pack, --device, --small, --out and --app" ;;
    esac
    shift
done

if [ $mode = pack ]; then
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    dotnet publish "$root/host/Aperture.Host" -c Release -r linux-x64 --self-contained -p:TorchBackend=none -p:WithModels=false -v quiet \
        -o "$folder/app" || exit 1
    tar -C "$folder" -cJf "$here/app.tar.xz" app
    bytes=$(stat -c %s "$here/app.tar.xz")
    echo "scripts/gpu/app.tar.xz: $((bytes / 1024 / 1024)) MiB, $(du -sm "$folder/app" | cut -f1) MiB unpacked"
    [ "$bytes" -lt $most_bytes ] || fail "app.tar.xz has $bytes bytes; 64 MiB is the most that is carried"
    exit 0
fi

out=${out:-$(mktemp -d)}
mkdir -p "$out"
if [ -z "$app" ]; then
    [ -f "$here/app.tar.xz" ] || fail "there is no scripts/gpu/app.tar.xz; write it with 'scripts/gpu/check.sh pack', or name a build with --app"
    tar -C "$out" -xJf "$here/app.tar.xz"
    app=$out/app
fi

if [ -z "${APERTURE_LIBTORCH:-}" ]; then
    APERTURE_LIBTORCH=$("$python" -c 'import os, torch; print(os.path.join(os.path.dirname(torch.__file__), "lib"))') \
        || fail "APERTURE_LIBTORCH is not set and $python has no torch; name the folder that holds libtorch_cpu.so"
fi
export APERTURE_LIBTORCH
if [ -f "$app/aperture" ]; then aperture=("$app/aperture"); else aperture=(dotnet "$app/aperture.dll"); fi

started=$SECONDS failed=()
# part NAME SECONDS COMMAND...: its output goes to the screen and to a file, its time is told, and it is stopped after so many seconds.
part() {
    local name=$1 limit=$2 before=$SECONDS code
    shift 2
    echo
    echo "== $name"
    timeout $((limit * patience)) "$@" 2>&1 | tee "$out/$name.txt"
    code=${PIPESTATUS[0]}
    echo "== $name: $((SECONDS - before)) s, exit code $code"
    [ "$code" -eq 0 ] || failed+=("$name ($code)")
}

memory() {
    if command -v nvidia-smi > /dev/null && [ "$device" != cpu ]; then
        nvidia-smi --query-gpu=name,driver_version,memory.total,memory.used,clocks.sm,clocks.mem --format=csv
    else
        grep -E 'MemTotal|MemAvailable' /proc/meminfo
        grep -m 1 'model name' /proc/cpuinfo
    fi
}

scripts=("${aperture[@]}" run --device "$device")
export -f memory
export device
part machine 30 bash -c memory
part symbols 60 "$python" "$here/symbols.py" "$app/libLibTorchSharp.so" "$APERTURE_LIBTORCH"
part operations 60 "${scripts[@]}" "$here/operations.csx" -- --device "$device"

# The shipped models on the CPU and on the device: the same answers, masks, captions and pictures, within what bf16 and other kernels may change.
cd "$root"
limit=40
[ -n "$small" ] && limit=2
part models-cpu 240 "${aperture[@]}" run --device cpu "$here/models.csx" -- --device cpu --limit $limit --write "$out/models.json"
part models-device 240 "${scripts[@]}" "$here/models.csx" -- --device "$device" --limit $limit --compare "$out/models.json"

# Decoders of published shapes with random weights, and beside them a bare loop of the same operations in Python on the same card.
if [ -n "$small" ]; then
    part shape-small 120 "${scripts[@]}" "$here/shapes.csx" -- --device "$device" --shape llama-1.1b --layers 2 --rows 64 --tokens 4 --rounds 1
else
    part shape-1.1b 120 "${scripts[@]}" "$here/shapes.csx" -- --device "$device" --shape llama-1.1b --rows 640,2944
    part methods-1.1b 120 "${aperture[@]}" bench --shape llama-1.1b --device "$device" --dtype bfloat16 --only fitprune
    part shape-7b 240 "${scripts[@]}" "$here/shapes.csx" -- --device "$device" --shape llava-1.5-7b --rows 640,2944
    part memory-after 30 bash -c memory
fi
if "$python" -c 'import torch' 2> /dev/null; then
    if [ -n "$small" ]; then
        part python-small 120 "$python" "$here/lean.py" --device "$device" --shape llama-1.1b --layers 2 --rows 64 --tokens 4 --rounds 1
    else
        part python-1.1b 120 "$python" "$here/lean.py" --device "$device" --shape llama-1.1b --rows 640,2944
        part python-7b 120 "$python" "$here/lean.py" --device "$device" --shape llava-1.5-7b --rows 640,2944
    fi
else
    echo "== python: $python has no torch, so nothing runs beside"
fi

echo
echo "$((SECONDS - started)) s in all; what was said lies in $out"
for name in "${failed[@]:-}"; do [ -n "$name" ] && echo "failed: $name"; done
exit ${#failed[@]}
