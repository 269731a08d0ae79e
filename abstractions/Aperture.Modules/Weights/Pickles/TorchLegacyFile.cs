using System.Numerics;

namespace Aperture.Weights;

/// <summary>
/// Reads PyTorch's format before 1.6: five pickles (magic number, protocol, system, object, storage keys), then the storages one behind the other.
/// </summary>
internal static class TorchLegacyFile
{
    private const long Protocol = 1001;

    private static readonly BigInteger _magic = BigInteger.Parse("119547037146038801333356", System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Reads a file; where the reader is lenient also a plain pickle of modules, whose storages are files within the file.</summary>
    public static TorchContent Read(MappedFile file, bool lenient)
    {
        PickleReader reader = new(file, 0, file.Length);
        PickleCalls calls = new(reader, lenient);
        object? first = Next(reader, calls, NoStorage(reader));
        if (IsMagic(first))
        {
            return ReadBody(reader, lenient, isNested: false);
        }

        return lenient
            ? new TorchContent(first, calls.NestedStorages)
            : throw new ApertureException(
                $"Weights file '{file.Path}' is a pickle, but not one that torch.save wrote; save the state dict with torch.save (scripts may read the "
                + "tensors of pickled modules with WeightFileOptions.Lenient).");
    }

    /// <summary>Reads the bytes of a file within the file.</summary>
    public static TorchContent ReadNested(MappedFile file, long start, long length)
    {
        PickleReader reader = new(file, start, length);
        return IsMagic(Next(reader, new PickleCalls(reader, lenient: false, isNested: true), NoStorage(reader)))
            ? ReadBody(reader, lenient: false, isNested: true)
            : throw reader.Damaged("a storage within it does not begin as torch.save writes it");
    }

    private static bool IsMagic(object? value) => value is BigInteger magic && magic == _magic;

    private static TorchContent ReadBody(PickleReader reader, bool lenient, bool isNested)
    {
        CheckSystem(reader);
        TorchStorages storages = new(reader);
        PickleCalls calls = new(reader, lenient, isNested);
        object? content = Next(reader, calls, storages.Resolve);
        PickledSequence keys = Next(reader, new PickleCalls(reader, lenient: false, isNested: true), NoStorage(reader)) as PickledSequence
            ?? throw reader.Damaged("it lists no storages");
        foreach (object? key in keys)
        {
            Place(key, storages, reader);
        }

        if (storages.ByKey.Values.FirstOrDefault(storage => storage.FileOffset < 0) is { } missing)
        {
            throw reader.Damaged($"storage '{missing.Key}' is missing");
        }

        return new TorchContent(content, [.. storages.ByKey.Values, .. calls.NestedStorages]);
    }

    private static void CheckSystem(PickleReader reader)
    {
        PickleCalls calls = new(reader, lenient: false, isNested: true);
        if (Next(reader, calls, NoStorage(reader)) is not Protocol)
        {
            throw reader.Damaged($"its format is not {Protocol}");
        }

        if (Next(reader, calls, NoStorage(reader)) is not PickledDictionary system
            || !system.TryGetValue("little_endian", out object? little)
            || little is not true)
        {
            throw new ApertureException(
                $"Weights file '{reader.File.Path}' was saved in another byte order than little-endian; load and save it on a common machine.");
        }
    }

    private static object? Next(PickleReader reader, PickleCalls calls, Func<object?, object?> persistent)
        => new PickleMachine(reader, calls, persistent).Run();

    private static Func<object?, object?> NoStorage(PickleReader reader) => _ => throw reader.Damaged("it names a storage where none belongs");

    private static void Place(object? key, TorchStorages storages, PickleReader reader)
    {
        if (key is not string text || !storages.ByKey.TryGetValue(text, out PickledStorage? storage) || storage.FileOffset >= 0)
        {
            throw reader.Damaged($"it lists a storage '{key}' that no tensor uses, or lists it twice");
        }

        long count = reader.Int64();
        if (count != storage.Count)
        {
            throw reader.Damaged($"storage '{text}' has {count} elements, but its tensors say {storage.Count}");
        }

        storage.FileOffset = reader.Start + reader.Position;
        reader.Skip(storage.ByteLength);
    }
}
