using Aperture.Weights;

namespace Aperture.Models;

/// <summary>
/// Opens the weights of a checkpoint's folder as plain numbers under plain names, whatever a quantiser, an adapter or a training wrapper made of them.
/// </summary>
public static class CheckpointWeights
{
    private const string Trained = "non_lora_trainables.bin", Low = ".lora_", Wrapped = ".base_layer.";

    /// <summary>Whether a folder holds weights of its own, and not an adapter's alone.</summary>
    /// <param name="folder">The folder.</param>
    public static bool AreIn(string folder) => WeightFolder.Model(folder, null) is not null;

    /// <summary>The name of the base that an adapter's folder gives; null where it gives none.</summary>
    /// <param name="folder">The folder, with <c>adapter_config.json</c>.</param>
    /// <exception cref="ApertureException">The file is damaged, or of an adapter that is not supported.</exception>
    public static string? BaseOf(string folder) => Config(folder).Base;

    /// <summary>Whether a folder holds a LoRA adapter.</summary>
    /// <param name="folder">The folder.</param>
    public static bool IsAdapter(string folder) => File.Exists(Path.Combine(folder, LoraConfig.File));

    /// <summary>Opens the weights.</summary>
    /// <param name="folder">The folder; where it has a base, that one's weights.</param>
    /// <param name="opening">Names the adapter, keeps what is opened, and tells the user.</param>
    /// <returns>The weights, in the keeping of <paramref name="opening"/>.</returns>
    /// <exception cref="ApertureException">
    /// Weights are missing or damaged, quantised in a way that is not supported, or do not fit the adapter.
    /// </exception>
    public static IWeightSource Open(ModelFolder folder, ModelOpening opening)
    {
        string place = folder.Base ?? folder.Path;
        IWeightSource stored = opening.Keep(WeightFiles.Open(place, new WeightFileOptions { OnNotice = opening.Tell }));
        opening.Watch?.Opened(place, stored);
        IWeightSource plain = Unwrapped(stored, place, opening);
        QuantizationSettings? settings = QuantizationSettings.Read(folder.Base is null ? folder : new ModelFolder(place));
        IWeightSource source = QuantizedWeights.Over(plain, settings, place, opening.Tell);
        opening.WrittenFor ??= settings?.WrittenFor;
        opening.IsRewritten = opening.Adapter is not null || !ReferenceEquals(stored, source);
        return opening.Adapter is { } adapter ? Adapted(source, adapter, opening) : source;
    }

    // Saved through PEFT's wrapper: layers wrapped, and beside them what they are to be changed by.
    private static IWeightSource Unwrapped(IWeightSource stored, string place, ModelOpening opening)
    {
        bool isChanged = stored.Names.Any(name => name.Contains(Low, StringComparison.Ordinal));
        if (!isChanged && !stored.Names.Any(name => name.Contains(Wrapped, StringComparison.Ordinal)))
        {
            return stored;
        }

        IWeightSource source = stored.Rename(name => name.Contains(Low, StringComparison.Ordinal) ? null : LoraNames.Plain(name));
        if (!isChanged)
        {
            return source;
        }

        if (!IsAdapter(place))
        {
            throw new ApertureException(
                $"'{place}' holds LoRA matrices that are not merged, and no {LoraConfig.File} says how they are; add it, or merge them with PEFT.");
        }

        return new AdaptedWeights(source, stored.Where(name => name.Contains(Low, StringComparison.Ordinal)), Config(place), place);
    }

    private static IWeightSource Adapted(IWeightSource source, string adapter, ModelOpening opening)
    {
        LoraConfig config = Config(adapter);
        string file = Path.Combine(adapter, LoraConfig.File);
        KnownSettings.Adapter.Tell(ModelFolder.ReadJson(file), file, opening.Tell);
        IWeightSource trained = opening.Keep(WeightFiles.Open(Adapter(adapter)));
        string beside = Path.Combine(adapter, Trained);
        if (!File.Exists(beside))
        {
            return new AdaptedWeights(source, trained, config, adapter);
        }

        IWeightSource whole = opening.Keep(WeightFiles.Open(beside));
        return new AdaptedWeights(new AdaptedWeights(source, whole, config, adapter), trained, config, adapter);
    }

    private static LoraConfig Config(string folder)
    {
        string file = Path.Combine(folder, LoraConfig.File);
        return LoraConfig.Parse(ModelFolder.ReadJson(file), file);
    }

    private static string Adapter(string folder)
    {
        string[] names = ["adapter_model.safetensors", "adapter_model.bin"];
        return Array.Find([.. names.Select(name => Path.Combine(folder, name))], File.Exists)
            ?? throw new ApertureException($"The adapter '{folder}' has {LoraConfig.File} but neither {string.Join(" nor ", names)}; fetch it again.");
    }
}
