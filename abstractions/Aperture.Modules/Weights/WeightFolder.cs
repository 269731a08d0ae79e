using System.Globalization;
using System.Text.RegularExpressions;

namespace Aperture.Weights;

/// <summary>Finds the weights of a folder among the files that may stand there.</summary>
internal static partial class WeightFolder
{
    private static readonly string[] _model =
    [
        "model.safetensors",
        "model.safetensors.index.json",
        "pytorch_model.bin",
        "pytorch_model.bin.index.json",
        "diffusion_pytorch_model.safetensors",
        "diffusion_pytorch_model.safetensors.index.json",
        "diffusion_pytorch_model.bin",
    ];

    private static readonly string[] _adapter = ["adapter_model.safetensors", "adapter_model.bin"];
    private static readonly string[] _patterns = ["*.safetensors", "*.bin", "*.pth", "*.pt", "*.ckpt"];

    // What training programs leave beside weights.
    private static readonly string[] _strays =
    [
        "non_lora_trainables.bin", "training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.bin", "scheduler.pt", "scaler.pt",
    ];

    /// <summary>The files to open: one, or all shards of a set that came without an index.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="onNotice">Told where several sets of weights stand there; null for nobody.</param>
    /// <exception cref="ApertureException">There is none, or it cannot be told which.</exception>
    public static string[] Find(string folder, Action<string>? onNotice)
        => Model(folder, onNotice) ?? (Existing(folder, _adapter) is { } adapter ? [adapter]
            : throw new ApertureException(
                $"Folder '{folder}' holds no weights: looked for {string.Join(", ", _model.Concat(_adapter))} and for a single {Patterns}."));

    /// <summary>The files of a model's own weights, adapters on top of one left aside; null where there are none.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="onNotice">Told where several sets of weights stand there; null for nobody.</param>
    /// <exception cref="ApertureException">It cannot be told which.</exception>
    public static string[]? Model(string folder, Action<string>? onNotice)
        => Existing(folder, _model) is { } known ? [Whole(folder, known, onNotice)] : Loose(folder);

    private static string Patterns => $"{string.Join(", ", _patterns[..^1])} or {_patterns[^1]}";

    private static string? Existing(string folder, string[] names) => names.Select(name => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    // A single file beside an index may be a stray: it counts if nothing that the index names is missing in it.
    private static string Whole(string folder, string known, Action<string>? onNotice)
    {
        string index = known + ".index.json";
        if (!File.Exists(index))
        {
            return known;
        }

        IReadOnlyDictionary<string, string> map = ShardedWeights.Places(index);
        string? gone = map.Values.Distinct(StringComparer.Ordinal).FirstOrDefault(shard => !File.Exists(Path.Combine(folder, shard)));
        string? missing;
        using (IWeightSource single = WeightFiles.OpenFile(known, new WeightFileOptions { StripModule = false }))
        {
            missing = map.Keys.FirstOrDefault(name => !single.Contains(name));
        }

        (string taken, string left, string reason) = missing is null ? (known, index, "holds all that the other names")
            : gone is not null ? (known, index, $"needs no shard '{gone}', which is not there")
            : (index, known, $"names tensors that the other lacks, such as {missing}");
        onNotice?.Invoke(
            $"'{folder}' holds {Path.GetFileName(known)} and {Path.GetFileName(index)}; taken is {Path.GetFileName(taken)}, which {reason}; remove "
            + $"{Path.GetFileName(left)} if it is a stray.");
        return taken;
    }

    private static string[]? Loose(string folder)
    {
        foreach (string pattern in _patterns)
        {
            string[] found =
            [
                .. Directory.GetFiles(folder, pattern).Where(file => !_strays.Contains(Path.GetFileName(file)) && !_adapter.Contains(Path.GetFileName(file)))
                    .Order(StringComparer.Ordinal),
            ];
            if (found.Length == 1 || (found.Length > 1 && IsSet(found)))
            {
                return found;
            }

            if (found.Length > 1)
            {
                throw new ApertureException($"Folder '{folder}' holds {found.Length} files {pattern} and no index; name the one to open.");
            }
        }

        return null;
    }

    // model-00001-of-00003.safetensors and its like, every one of them.
    private static bool IsSet(string[] files)
    {
        Match[] names = [.. files.Select(file => ShardName().Match(Path.GetFileName(file)))];
        return names.All(name => name.Success && name.Groups[1].Value == names[0].Groups[1].Value && name.Groups[3].Value == names[0].Groups[3].Value)
            && int.Parse(names[0].Groups[3].ValueSpan, CultureInfo.InvariantCulture) == files.Length
            && names.Select(name => int.Parse(name.Groups[2].ValueSpan, CultureInfo.InvariantCulture)).SequenceEqual(Enumerable.Range(1, files.Length));
    }

    [GeneratedRegex(@"^(.+)-(\d{1,6})-of-(\d{1,6})\.\w+$")]
    private static partial Regex ShardName();
}
