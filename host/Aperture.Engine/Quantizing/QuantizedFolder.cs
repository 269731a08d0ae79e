using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Files;
using Aperture.Models;
using Aperture.Weights;

namespace Aperture.Quantizing;

/// <summary>
/// A folder that is made beside its name and gets it when all of it is there; what is not finished is deleted. Files beside the weights come from another
/// folder.
/// </summary>
internal sealed class QuantizedFolder : IDisposable
{
    private static readonly string[] _otherWeights = [".onnx", ".gguf", ".h5", ".msgpack", ".ot", ".pth"];
    private static readonly string[] _usualWeights = ["model.safetensors", "model-0", "pytorch_model.bin", "pytorch_model-0", "consolidated."];
    private static readonly JsonSerializerOptions _indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _target;
    private readonly IDisposable _lock;
    private bool _isFinished;

    private QuantizedFolder(string target)
    {
        _target = target;
        Path = AtomicFile.Temporary(target);
        _lock = FolderLock.Take(Path, "a quantisation");
    }

    /// <summary>Where files go until the folder is finished.</summary>
    public string Path { get; }

    /// <summary>Starts a folder.</summary>
    /// <param name="target">What it is going to be called.</param>
    /// <exception cref="ApertureException">Something has this name, or its parent cannot be written.</exception>
    public static QuantizedFolder Create(string target)
    {
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(target));
        return Directory.Exists(full) || File.Exists(full)
            ? throw new ApertureException($"'{target}' is there already and is not overwritten; give another --output, or remove it first.")
            : new QuantizedFolder(full);
    }

    /// <summary>Copies what stands beside a model's weights: configurations, tokenizers, and what methods fitted, subfolders included.</summary>
    /// <param name="source">The model's folder.</param>
    /// <param name="cancellationToken">Checked between files.</param>
    public void CopyBesideWeights(string source, CancellationToken cancellationToken)
    {
        HashSet<string> own = [.. WeightFolder.Find(source, null).SelectMany(OfCheckpoint)];
        foreach (string file in Directory.EnumerateFiles(source, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            string relative = System.IO.Path.GetRelativePath(source, file);
            if (!own.Contains(relative) && IsBesideWeights(relative))
            {
                string copy = System.IO.Path.Combine(Path, relative);
                OnDisk(() =>
                {
                    Directory.CreateDirectory(System.IO.Path.GetDirectoryName(copy)!);
                    File.Copy(file, copy); // what a link leads to
                });
            }
        }
    }

    /// <summary>Writes config.json with what it says of the quantisation.</summary>
    /// <param name="source">The model's folder.</param>
    /// <param name="quantization">Its <c>quantization_config</c>.</param>
    /// <exception cref="ApertureException">The model has no config.json that is an object.</exception>
    public void WriteConfig(string source, JsonObject quantization)
    {
        string file = System.IO.Path.Combine(source, ModelFolder.ConfigFile);
        JsonObject config = JsonObject.Create(ModelFolder.ReadJson(file))
            ?? throw new ApertureException($"'{file}' holds no object; quantised are checkpoints that have one.");
        config["quantization_config"] = quantization;
        OnDisk(() => File.WriteAllBytes(
            System.IO.Path.Combine(Path, ModelFolder.ConfigFile), Encoding.UTF8.GetBytes(config.ToJsonString(_indented) + "\n")));
    }

    /// <summary>Gives the folder its name.</summary>
    /// <exception cref="ApertureException">Something got the name meanwhile, or the disk refuses.</exception>
    public void Finish()
    {
        _lock.Dispose();
        OnDisk(() => Directory.Move(Path, _target));
        _isFinished = true;
    }

    /// <summary>Deletes what was not finished.</summary>
    public void Dispose()
    {
        _lock.Dispose();
        if (!_isFinished && Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
    }

    // The names of a file of weights, and where it is an index of all that it names.
    private static IEnumerable<string> OfCheckpoint(string file) =>
    [
        System.IO.Path.GetFileName(file),
        .. file.EndsWith(".json", StringComparison.OrdinalIgnoreCase) ? ShardedWeights.Places(file).Values.Distinct(StringComparer.Ordinal) : [],
    ];

    // Not the same weights once more in another layout, not config.json, which is written anew, and nothing hidden.
    private static bool IsBesideWeights(string relative)
        => relative != ModelFolder.ConfigFile
            && !relative.Split(System.IO.Path.DirectorySeparatorChar).Any(part => part.StartsWith('.'))
            && !_otherWeights.Contains(System.IO.Path.GetExtension(relative).ToLowerInvariant())
            && !Array.Exists(_usualWeights, usual => relative.StartsWith(usual, StringComparison.Ordinal));

    private void OnDisk(Action write)
    {
        try
        {
            write();
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException(
                $"Cannot write '{_target}': {cause.Message.ReplaceLineEndings(" ").TrimEnd('.')}; check its parent and the free space.", cause);
        }
    }
}
