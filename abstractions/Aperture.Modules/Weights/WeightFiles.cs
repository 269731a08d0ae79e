namespace Aperture.Weights;

/// <summary>Opens checkpoints, whatever their format.</summary>
public static class WeightFiles
{
    private const int SniffedBytes = 16;

    private static readonly string[] _inFolder =
    [
        "model.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
        "diffusion_pytorch_model.safetensors",
        "diffusion_pytorch_model.safetensors.index.json",
        "diffusion_pytorch_model.bin",
        "adapter_model.safetensors",
        "adapter_model.bin",
    ];

    /// <summary>
    /// Opens a weights file (safetensors, PyTorch pickle, or the index of a sharded checkpoint), or the weights of a folder in the Hugging Face layout:
    /// there the first that exists of <c>model.safetensors</c>, <c>model.safetensors.index.json</c>, <c>pytorch_model.bin</c>,
    /// <c>pytorch_model.bin.index.json</c>, the same of diffusion models and adapters, or the folder's only weights file.
    /// </summary>
    /// <param name="fileOrFolder">The path.</param>
    /// <param name="options">How pickles are read; the defaults if null.</param>
    /// <returns>The open checkpoint. The caller disposes it, after the tensors that came from it.</returns>
    /// <exception cref="ApertureException">Nothing to open, or the file is damaged or of an unknown format.</exception>
    public static IWeightSource Open(string fileOrFolder, WeightFileOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(fileOrFolder);
        return Directory.Exists(fileOrFolder) ? OpenFile(FindInFolder(fileOrFolder), options) : OpenFile(fileOrFolder, options);
    }

    internal static IWeightSource OpenFile(string path, WeightFileOptions? options) => Sniff(path) switch
    {
        FileKind.Index => ShardedWeights.Open(path, options),
        FileKind.Torch => TorchFile.Open(path, options),
        _ => SafetensorsFile.Open(path),
    };

    private static string FindInFolder(string folder)
    {
        string? known = _inFolder.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);
        if (known is not null)
        {
            return known;
        }

        foreach (string pattern in (string[])["*.safetensors", "*.bin", "*.pth", "*.pt", "*.ckpt"])
        {
            string[] found = Directory.GetFiles(folder, pattern);
            if (found.Length == 1)
            {
                return found[0];
            }

            if (found.Length > 1)
            {
                throw new ApertureException($"Folder '{folder}' holds {found.Length} files {pattern} and no index; name the one to open.");
            }
        }

        throw new ApertureException(
            $"Folder '{folder}' holds no weights: looked for {string.Join(", ", _inFolder)} and for a single *.safetensors, *.bin, *.pth, *.pt or *.ckpt.");
    }

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
                $"Weights file '{path}' is neither a safetensors file nor a PyTorch pickle; check that the download is complete (a Git LFS pointer is a "
                + "small text file)."),
        };
    }

    private enum FileKind
    {
        Safetensors,
        Torch,
        Index,
    }
}
