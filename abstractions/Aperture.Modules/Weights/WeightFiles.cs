namespace Aperture.Weights;

/// <summary>Opens checkpoints, whatever their format.</summary>
public static class WeightFiles
{
    private const int SniffedBytes = 16;

    /// <summary>
    /// Opens a weights file (safetensors, PyTorch pickle, or the index of a sharded checkpoint), or the weights of a folder in the Hugging Face layout:
    /// there the first that exists of <c>model.safetensors</c>, <c>model.safetensors.index.json</c>, <c>pytorch_model.bin</c>,
    /// <c>pytorch_model.bin.index.json</c>, the same of diffusion models and adapters, the folder's only weights file, or all shards of a set without an
    /// index. Where a single file stands beside an index, it is taken if it holds every tensor that the index names; a notice says which was.
    /// </summary>
    /// <param name="fileOrFolder">The path.</param>
    /// <param name="options">How pickles are read; the defaults if null.</param>
    /// <returns>The open checkpoint. The caller disposes it, after the tensors that came from it.</returns>
    /// <exception cref="ApertureException">Nothing to open, or the file is damaged or of an unknown format.</exception>
    public static IWeightSource Open(string fileOrFolder, WeightFileOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(fileOrFolder);
        if (!Directory.Exists(fileOrFolder))
        {
            return Stripped(fileOrFolder, options);
        }

        string[] files = WeightFolder.Find(fileOrFolder, options?.OnNotice);
        return files.Length == 1 ? Stripped(files[0], options) : Together(files, options);
    }

    // Shards that came without their index.
    private static IWeightSource Together(string[] files, WeightFileOptions? options)
    {
        List<IWeightSource> shards = [];
        try
        {
            Array.ForEach(files, file => shards.Add(OpenFile(file, AsStored(options))));
            CombinedWeights all = new(shards);
            return options?.StripModule == false ? all : WrapperNames.Strip(all);
        }
        catch
        {
            shards.ForEach(shard => shard.Dispose());
            throw;
        }
    }

    private static IWeightSource Stripped(string path, WeightFileOptions? options)
        => options?.StripModule == false ? OpenFile(path, options) : WrapperNames.Strip(OpenFile(path, options));

    // What all shards have in common shows when they are together.
    private static WeightFileOptions AsStored(WeightFileOptions? options) => (options ?? new WeightFileOptions()) with { StripModule = false };

    internal static IWeightSource OpenFile(string path, WeightFileOptions? options) => Sniff(path) switch
    {
        FileKind.Index => ShardedWeights.Open(path, AsStored(options)),
        FileKind.Torch => TorchFile.Open(path, options),
        _ => SafetensorsFile.Open(path),
    };

    private static FileKind Sniff(string path)
    {
        if (path.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
        {
            return FileKind.Index;
        }

        if (path.EndsWith(".safetensors", StringComparison.OrdinalIgnoreCase))
        {
            return FileKind.Safetensors;
        }

        using MappedFile file = MappedFile.Open(path);
        ReadOnlySpan<byte> head = file.Bytes(0, (int)Math.Min(SniffedBytes, file.Length));
        bool isZip = head.StartsWith("PK"u8);
        bool isPickle = head.Length > 1 && head[0] == 0x80 && head[1] <= 5;
        bool isSafetensors = head.Length > 8 && head[7] == 0 && (head[8] == (byte)'{' || head[8] == (byte)' ');
        return (isZip || isPickle, isSafetensors) switch
        {
            (true, _) => FileKind.Torch,
            (_, true) => FileKind.Safetensors,
            _ => throw new ApertureException(
                $"Weights file '{path}' is neither a safetensors file nor a PyTorch pickle; check that the download is complete."),
        };
    }

    private enum FileKind
    {
        Safetensors,
        Torch,
        Index,
    }
}
