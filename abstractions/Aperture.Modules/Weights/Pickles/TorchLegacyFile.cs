using System.Numerics;

namespace Aperture.Weights;

/// <summary>Reads PyTorch's format before 1.6: five pickles (magic number, protocol, system, object, storage keys), then the storages one behind the other.</summary>
internal static unsafe class TorchLegacyFile
{
    private const long Protocol = 1001;

    private static readonly BigInteger _magic = BigInteger.Parse("119547037146038801333356", System.Globalization.CultureInfo.InvariantCulture);

    public static TorchContent Read(MappedFile file, bool lenient)
    {
        var reader = new PickleReader(file.Start, file.Length, file.Path);
        var storages = new TorchStorages(reader);
        CheckHeader(reader, file.Path);
        var content = Next(reader, lenient, storages.Resolve);
        var keys = Next(reader, lenient: false, NoStorage(reader)) as PickledSequence ?? throw reader.Damaged("it lists no storages");
        foreach (var key in keys)
        {
            Place(key, storages, reader);
        }

        if (storages.ByKey.Values.FirstOrDefault(storage => storage.FileOffset < 0) is { } missing)
        {
            throw reader.Damaged($"storage '{missing.Key}' is missing");
        }

        return new TorchContent(content, [.. storages.ByKey.Values]);
    }

    private static void CheckHeader(PickleReader reader, string path)
    {
        if (Next(reader, lenient: false, NoStorage(reader)) is not BigInteger magic || magic != _magic)
        {
            throw new ApertureException($"Weights file '{path}' is a pickle, but not one that torch.save wrote; save the state dict with torch.save.");
        }

        if (Next(reader, lenient: false, NoStorage(reader)) is not Protocol)
        {
            throw reader.Damaged($"its format is not {Protocol}");
        }

        if (Next(reader, lenient: false, NoStorage(reader)) is not PickledDictionary system || !system.TryGetValue("little_endian", out var little) || little is not true)
        {
            throw new ApertureException($"Weights file '{path}' was saved in another byte order than little-endian; load and save it on a common machine.");
        }
    }

    private static object? Next(PickleReader reader, bool lenient, Func<object?, object?> persistent) =>
        new PickleMachine(reader, new PickleCalls(reader, lenient), persistent).Run();

    private static Func<object?, object?> NoStorage(PickleReader reader) => _ => throw reader.Damaged("it names a storage where none belongs");

    private static void Place(object? key, TorchStorages storages, PickleReader reader)
    {
        if (key is not string text || !storages.ByKey.TryGetValue(text, out var storage) || storage.FileOffset >= 0)
        {
            throw reader.Damaged($"it lists a storage '{key}' that no tensor uses, or lists it twice");
        }

        var count = reader.Int64();
        if (count != storage.Count)
        {
            throw reader.Damaged($"storage '{text}' has {count} elements, but its tensors say {storage.Count}");
        }

        storage.FileOffset = reader.Position;
        reader.Skip(storage.ByteLength);
    }
}
