namespace Aperture.Weights;

/// <summary>Reads PyTorch's zip format: <c>data.pkl</c> and one stored entry a storage.</summary>
internal static class TorchArchive
{
    private const string PickleName = "data.pkl";

    public static TorchContent Read(MappedFile file, bool lenient)
    {
        ZipDirectory zip = ZipDirectory.Read(file);
        string root = FindRoot(zip, file.Path, lenient);
        CheckByteOrder(zip, root, file);

        ZipEntry pickle = zip.Entries[root + PickleName];
        PickleReader reader = new(file, zip.Locate(pickle), pickle.Length);
        TorchStorages storages = new(reader);
        PickleCalls calls = new(reader, lenient);
        object? content = new PickleMachine(reader, calls, storages.Resolve).Run();
        foreach (PickledStorage storage in storages.ByKey.Values)
        {
            Place(storage, zip, root, file.Path);
        }

        return new TorchContent(content, [.. storages.ByKey.Values, .. calls.NestedStorages]);
    }

    private static string FindRoot(ZipDirectory zip, string path, bool lenient)
    {
        if (!lenient
            && zip.Entries.Keys.Any(
                name
                    => name == "constants.pkl"
                        || name.EndsWith("/constants.pkl", StringComparison.Ordinal)
                        || name.Contains("/code/", StringComparison.Ordinal)))
        {
            throw new ApertureException(
                $"Weights file '{path}' is a TorchScript program, not a checkpoint; save the model's state dict with torch.save (scripts may read the "
                + "parameters alone with WeightFileOptions.Lenient).");
        }

        List<string> roots = zip.Entries.Keys.Where(name => name == PickleName || name.EndsWith("/" + PickleName, StringComparison.Ordinal))
            .Select(name => name[..^PickleName.Length])
            .ToList();
        return roots.Count == 1
            ? roots[0]
            : throw new ApertureException(
                $"Weights file '{path}' is an archive with {roots.Count} entries called {PickleName}, but a PyTorch checkpoint has one; check what was "
                + "downloaded.");
    }

    private static void CheckByteOrder(ZipDirectory zip, string root, MappedFile file)
    {
        if (zip.Entries.TryGetValue(root + "byteorder", out ZipEntry? entry)
            && !(entry.Length == 6 && file.Bytes(zip.Locate(entry), 6).SequenceEqual("little"u8)))
        {
            throw new ApertureException(
                $"Weights file '{file.Path}' was saved in another byte order than little-endian; load and save it on a common machine.");
        }
    }

    private static void Place(PickledStorage storage, ZipDirectory zip, string root, string path)
    {
        if (!zip.Entries.TryGetValue($"{root}data/{storage.Key}", out ZipEntry? entry))
        {
            throw new ApertureException($"Weights file '{path}' lacks the storage '{storage.Key}'; fetch or save it again.");
        }

        if (entry.Length != storage.ByteLength)
        {
            throw new ApertureException(
                $"Weights file '{path}': storage '{storage.Key}' has {entry.Length} bytes, but {storage.Count} elements of {storage.Type.Name} take "
                + $"{storage.ByteLength}; fetch or save it again.");
        }

        storage.FileOffset = zip.Locate(entry);
    }
}
