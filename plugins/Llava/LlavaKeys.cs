using Aperture.Models;
using Aperture.Weights;

namespace Aperture.Plugins.Llava;

/// <summary>Where a LLaVA checkpoint keeps its parts: the original layout, and three spellings of the Hugging Face one.</summary>
/// <param name="Decoder">What stands before <c>embed_tokens</c>.</param>
/// <param name="Head">The output matrix, without <c>.weight</c>.</param>
/// <param name="Projector">Names of the projector's linear layers, without <c>.weight</c>.</param>
/// <param name="Tower">What stands before the tower's <c>embeddings</c>; null where the checkpoint holds no tower.</param>
internal sealed record LlavaKeys(string Decoder, string Head, IReadOnlyList<string> Projector, string? Tower)
{
    private const string Separator = "image_newline"; // in Hugging Face's older naming
    private const string Probe = "embed_tokens.weight";

    private static readonly string[] _decoders = ["language_model.model.", "model.language_model.", "model."];

    private static readonly string[] _towers =
    [
        "vision_tower.vision_model.", "vision_tower.", "model.vision_tower.vision_model.", "model.vision_tower.",
        "model.vision_tower.vision_tower.vision_model.",
    ];

    /// <summary>The checkpoint without the <c>model.</c> that a LightningModule puts before every name; the checkpoint itself where there is none.</summary>
    /// <param name="source">The checkpoint; must outlive what is returned.</param>
    public static IWeightSource Unwrapped(IWeightSource source)
    {
        const string Wrapper = "model.";
        return !_decoders.Any(prefix => source.Contains(prefix + Probe)) && _decoders.Any(prefix => source.Contains(Wrapper + prefix + Probe))
            && source.Names.All(name => name.StartsWith(Wrapper, StringComparison.Ordinal)) ? source.Under(Wrapper) : source;
    }

    /// <summary>Looks up which spelling a checkpoint uses.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="where">Its folder, for the message.</param>
    /// <exception cref="ApertureException">None of the spellings fits.</exception>
    public static LlavaKeys Find(IWeightSource source, LlavaConfig config, string where = "")
    {
        string decoder = _decoders.FirstOrDefault(prefix => source.Contains(prefix + Probe))
            ?? throw new ApertureException(
                $"The checkpoint '{where}' has no {Probe} under language_model.model., model.language_model. or model., but {source.Names.Count} others, such "
                + $"as {source.Names.FirstOrDefault() ?? "(none)"}: its weights are not a LLaVA's.");
        string head = decoder == "language_model.model." ? "language_model.lm_head" : "lm_head";
        int layers = Aperture.Models.Projector.LayersOf(config.Projector);
        string[] projector = config.Layout == LlavaLayout.HuggingFace
            ? [.. Enumerable.Range(1, layers).Select(i => (decoder == "model.language_model." ? "model." : "") + $"multi_modal_projector.linear_{i}")]
            : layers == 1 ? ["model.mm_projector"]
            : [.. Enumerable.Range(0, layers).Select(i => $"model.mm_projector.{2 * i}")];
        return new LlavaKeys(decoder, head, projector, _towers.FirstOrDefault(prefix => source.Contains(prefix + "embeddings.class_embedding")));
    }

    /// <summary>
    /// The name that LLaVA's own layout has for a tensor of this checkpoint: <c>model.layers.0.…</c>, <c>lm_head.weight</c>,
    /// <c>model.mm_projector.0.weight</c>.
    /// </summary>
    /// <param name="name">The checkpoint's name.</param>
    public string Canonical(string name)
    {
        for (int layer = 0; layer < Projector.Count; layer++)
        {
            if (name.StartsWith(Projector[layer] + ".", StringComparison.Ordinal))
            {
                return CanonicalProjector(Projector.Count)[layer] + name[Projector[layer].Length..];
            }
        }

        return name == Separator ? LlavaNextProjector.SeparatorName
            : name.StartsWith(Head + ".", StringComparison.Ordinal) ? "lm_head" + name[Head.Length..]
            : name.StartsWith(Decoder, StringComparison.Ordinal) ? "model." + name[Decoder.Length..]
            : name;
    }

    /// <summary>Names of the projector's layers in LLaVA's own layout, without <c>.weight</c>.</summary>
    /// <param name="layers">How many there are.</param>
    public static string[] CanonicalProjector(int layers)
        => layers == 1 ? ["model.mm_projector"] : [.. Enumerable.Range(0, layers).Select(layer => $"model.mm_projector.{2 * layer}")];

    /// <summary>Whether a name of the checkpoint is the tower's or the projector's, or a buffer that checkpoints carry along.</summary>
    /// <param name="name">The checkpoint's name.</param>
    public bool IsClaimed(string name)
        => Projector.Any(layer => name == layer + ".weight" || name == layer + ".bias")
            || (Tower is { } tower && name.StartsWith(tower, StringComparison.Ordinal))
            || name is Separator or LlavaNextProjector.SeparatorName || IsBuffer(name);

    private static bool IsBuffer(string name)
        => name.EndsWith(".rotary_emb.inv_freq", StringComparison.Ordinal) || name.EndsWith(".position_ids", StringComparison.Ordinal)
            || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal) || name.Contains("rope.freqs_", StringComparison.Ordinal);
}
