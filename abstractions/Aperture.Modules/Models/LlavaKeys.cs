using Aperture.Weights;

namespace Aperture.Models;

/// <summary>Where a LLaVA checkpoint keeps its parts: the original layout, and three spellings of the Hugging Face one.</summary>
/// <param name="Decoder">What stands before <c>embed_tokens</c>.</param>
/// <param name="Head">The output matrix, without <c>.weight</c>.</param>
/// <param name="Projector">Names of the projector's linear layers, without <c>.weight</c>.</param>
/// <param name="Tower">What stands before the tower's <c>embeddings</c>; null where the checkpoint holds no tower.</param>
public sealed record LlavaKeys(string Decoder, string Head, IReadOnlyList<string> Projector, string? Tower)
{
    private static readonly string[] _towers =
    [
        "vision_tower.vision_model.", "vision_tower.", "model.vision_tower.vision_model.", "model.vision_tower.",
        "model.vision_tower.vision_tower.vision_model.",
    ];

    /// <summary>Looks up which spelling a checkpoint uses.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="config">Its configuration.</param>
    /// <exception cref="ApertureException">None of the spellings fits.</exception>
    public static LlavaKeys Find(IWeightSource source, LlavaConfig config)
    {
        const string Probe = "embed_tokens.weight";
        string decoder = new[] { "language_model.model.", "model.language_model.", "model." }.FirstOrDefault(prefix => source.Contains(prefix + Probe))
            ?? throw new ApertureException($"The checkpoint has no {Probe} under language_model.model., model.language_model. or model.: its weights are not a LLaVA's.");
        string head = decoder == "language_model.model." ? "language_model.lm_head" : "lm_head";
        int layers = Models.Projector.LayersOf(config.Projector);
        string[] projector = config.Layout == LlavaLayout.HuggingFace
            ? [.. Enumerable.Range(1, layers).Select(i => (decoder == "model.language_model." ? "model." : "") + $"multi_modal_projector.linear_{i}")]
            : layers == 1 ? ["model.mm_projector"]
            : [.. Enumerable.Range(0, layers).Select(i => $"model.mm_projector.{2 * i}")];
        return new LlavaKeys(decoder, head, projector, _towers.FirstOrDefault(prefix => source.Contains(prefix + "embeddings.class_embedding")));
    }

    /// <summary>Names that nothing of the model loads, apart from buffers that checkpoints carry along: for a notice that they are ignored.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="loaded">Whether a name was loaded.</param>
    public static IReadOnlyList<string> Unclaimed(IWeightSource source, Func<string, bool> loaded)
        => [.. source.Names.Where(name => !loaded(name) && !IsBuffer(name)).Order(StringComparer.Ordinal)];

    private static bool IsBuffer(string name)
        => name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal) || name.EndsWith(".position_ids", StringComparison.Ordinal)
            || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal) || name.Contains("rope.freqs_", StringComparison.Ordinal);
}
