using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Text;

/// <summary>Sizes and options of a CLIP text encoder. The defaults are those of CLIP ViT-L/14.</summary>
public sealed record ClipTextConfig
{
    private const int LegacyEnd = 2;

    /// <summary>Tokens of the vocabulary.</summary>
    public int Vocabulary { get; init; } = 49408;

    /// <summary>Width of a row.</summary>
    public int HiddenSize { get; init; } = 768;

    /// <summary>Width of the feed-forward network.</summary>
    public int IntermediateSize { get; init; } = 3072;

    /// <summary>Number of layers.</summary>
    public int Layers { get; init; } = 12;

    /// <summary>Attention heads.</summary>
    public int Heads { get; init; } = 12;

    /// <summary>Rows of the position table: most tokens of a text, both ends among them.</summary>
    public int Positions { get; init; } = 77;

    /// <summary>Activation of the feed-forward network, by its name in <see cref="Activations"/>.</summary>
    public string Activation { get; init; } = "quick_gelu";

    /// <summary>Added to the variance in the norms.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>
    /// The id that ends a text, whose first row is the text's pooled one. Null: the row of the highest id, as for all configurations that name 2.
    /// </summary>
    public int? EndId { get; init; }

    /// <summary>The Hugging Face configuration of an encoder whose highest id ends a text.</summary>
    public JsonObject ToJson() => new()
    {
        ["architectures"] = new JsonArray("CLIPTextModel"),
        ["model_type"] = "clip_text_model",
        ["vocab_size"] = Vocabulary,
        ["hidden_size"] = HiddenSize,
        ["intermediate_size"] = IntermediateSize,
        ["num_hidden_layers"] = Layers,
        ["num_attention_heads"] = Heads,
        ["max_position_embeddings"] = Positions,
        ["hidden_act"] = Activation,
        ["layer_norm_eps"] = NormEpsilon,
    };

    /// <summary>Reads a Hugging Face configuration; absent keys take the values of CLIP ViT-L/14.</summary>
    /// <param name="json">The configuration object.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range.</exception>
    public static ClipTextConfig Parse(JsonElement json, string where)
    {
        ConfigReader config = new(json, where);
        ClipTextConfig defaults = new();
        int end = config.Integer("eos_token_id", LegacyEnd);
        ClipTextConfig parsed = new()
        {
            Vocabulary = config.Size("vocab_size", defaults.Vocabulary),
            HiddenSize = config.Size("hidden_size", defaults.HiddenSize),
            IntermediateSize = config.Size("intermediate_size", defaults.IntermediateSize),
            Layers = config.Size("num_hidden_layers", defaults.Layers),
            Heads = config.Size("num_attention_heads", defaults.Heads),
            Positions = config.Size("max_position_embeddings", defaults.Positions),
            Activation = config.Text("hidden_act", defaults.Activation)!,
            NormEpsilon = config.Number("layer_norm_eps", defaults.NormEpsilon),
            EndId = end == LegacyEnd ? null : end,
        };
        return parsed.HiddenSize % parsed.Heads == 0
            ? parsed
            : throw new ApertureException($"{where}: hidden size {parsed.HiddenSize} is not a multiple of {parsed.Heads} attention heads.");
    }
}
