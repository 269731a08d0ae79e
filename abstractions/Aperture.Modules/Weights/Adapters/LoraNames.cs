namespace Aperture.Weights;

/// <summary>The names in an adapter's files, and how base checkpoints spell the same modules.</summary>
internal static class LoraNames
{
    private const string Wrapper = "base_model.model.";

    // Files and transformers' memory spell the parts of a model differently; adapters are written from memory.
    private static readonly (string From, string To)[] _spellings =
    [
        ("model.language_model.", "language_model.model."), ("language_model.model.", "model.language_model."),
        ("lm_head.", "language_model.lm_head."), ("language_model.lm_head.", "lm_head."),
        ("model.multi_modal_projector.", "multi_modal_projector."), ("multi_modal_projector.", "model.multi_modal_projector."),
        ("model.vision_tower.", "vision_tower."), ("vision_tower.", "model.vision_tower."),
        ("model.model.", "model."),
    ];

    /// <summary>A name without what PEFT's wrapper puts before it, and without what it puts inside for the wrapped layer.</summary>
    public static string Plain(string name)
    {
        string plain = name.StartsWith(Wrapper, StringComparison.Ordinal) ? name[Wrapper.Length..] : name;
        return plain.Replace(".base_layer.", ".", StringComparison.Ordinal)
            .Replace(".modules_to_save.default.", ".", StringComparison.Ordinal)
            .Replace(".modules_to_save.", ".", StringComparison.Ordinal);
    }

    /// <summary>Splits a name of a low-rank matrix.</summary>
    /// <returns>Module and part (<c>lora_A</c>, <c>lora_B</c>, <c>lora_embedding_A</c>, …); null for another tensor.</returns>
    public static (string Module, string Part)? Split(string plain)
    {
        int at = plain.IndexOf(".lora_", StringComparison.Ordinal);
        if (at < 0)
        {
            return null;
        }

        string rest = plain[(at + 1)..];
        int dot = rest.IndexOf('.', StringComparison.Ordinal);
        string part = dot < 0 ? rest : rest[..dot], tail = dot < 0 ? "" : rest[dot..];
        return (plain[..at], tail is "" or ".weight" or ".default" or ".default.weight" ? part : rest);
    }

    /// <summary>The name that a base has for a tensor; null where it has none.</summary>
    /// <param name="name">The adapter's name.</param>
    /// <param name="source">The base.</param>
    public static string? InBase(string name, IWeightSource source)
    {
        if (source.Contains(name))
        {
            return name;
        }

        foreach ((string from, string to) in _spellings)
        {
            if (name.StartsWith(from, StringComparison.Ordinal) && to + name[from.Length..] is var other && source.Contains(other))
            {
                return other;
            }
        }

        return null;
    }
}
