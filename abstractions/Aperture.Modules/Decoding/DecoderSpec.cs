using System.Text.Json;
using Aperture.Models;

namespace Aperture.Decoding;

/// <summary>
/// A decoder as data: sizes, norms, the shape of a block, biases, positions and constants. LLaMA, Mistral, Qwen2, Qwen2-VL, Phi, InternLM2 and MiniCPM differ
/// in these
/// values only. What is not set is LLaMA's: root-mean-square norms before attention and before a gated SiLU feed-forward network, no biases, rotary positions
/// of one axis.
/// </summary>
public sealed record DecoderSpec
{
    /// <summary>Hidden width, d.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the feed-forward network, m.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of layers, L.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads; divides <see cref="Heads"/>.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Width of a head.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Vocabulary size.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>The kind of all norms.</summary>
    public NormKind Norm { get; init; }

    /// <summary>Added to the mean of squares, or the variance, in the norms.</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>
    /// Whether attention and feed-forward network both read the layer's one norm (Phi: <c>x + attention(n) + ffn(n)</c>); else the second reads what the first
    /// gave.
    /// </summary>
    public bool ParallelBlock { get; init; }

    /// <summary>Whether the feed-forward network is <c>down(activation(gate x) ⊙ up x)</c>; else it is <c>down(activation(up x))</c>.</summary>
    public bool GatedFeedForward { get; init; } = true;

    /// <summary>Activation of the feed-forward network, by its name in <see cref="Activations"/>.</summary>
    public string Activation { get; init; } = "silu";

    /// <summary>Rotary position embedding. Fewer dimensions than a head has leave the head's last ones as they are.</summary>
    public required RotaryConfig Rotary { get; init; }

    /// <summary>Longest sequence the model was made for.</summary>
    public int MaxPositions { get; init; } = 2048;

    /// <summary>Whether q, k and v carry biases.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>Whether the output projection of attention carries a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether the feed-forward matrices carry biases.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>Whether the output matrix of the model carries a bias.</summary>
    public bool HeadBias { get; init; }

    /// <summary>Whether the output matrix is the embedding table. Also taken so where the checkpoint has no output matrix.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>How many positions back a row sees; 0 means all.</summary>
    public int SlidingWindow { get; init; }

    /// <summary>The first layer that uses the window.</summary>
    public int FirstWindowLayer { get; init; }

    /// <summary>Factor on the embedding of a token (MiniCPM's <c>scale_emb</c>). Rows that replace embeddings, such as visual tokens, are not scaled.</summary>
    public double EmbeddingScale { get; init; } = 1;

    /// <summary>Factor on both branches of every layer before they are added to the residual (MiniCPM's <c>scale_depth / √L</c>).</summary>
    public double ResidualScale { get; init; } = 1;

    /// <summary>Factor on the rows after the final norm, before the output matrix (MiniCPM's <c>dim_model_base / d</c>).</summary>
    public double LogitScale { get; init; } = 1;

    /// <summary>How the architecture's checkpoints call its tensors.</summary>
    public DecoderKeys Keys { get; init; }

    /// <summary>Position ids of a row: three where rotary positions have time, row and column, else one.</summary>
    public int PositionAxes => Math.Max(1, Rotary.Sections.Count);

    /// <summary>The window of a layer; 0 means all.</summary>
    /// <param name="layer">The layer.</param>
    public int WindowOf(int layer) => layer >= FirstWindowLayer ? SlidingWindow : 0;

    /// <summary>The sizes that methods see.</summary>
    /// <param name="model">Name of the model.</param>
    /// <param name="visualTokens">Visual tokens of one image; 0 without images.</param>
    public DecoderInfo Describe(string model, int visualTokens = 0) => new()
    {
        Model = model,
        Layers = Layers,
        HiddenSize = HiddenSize,
        IntermediateSize = IntermediateSize,
        GatedFeedForward = GatedFeedForward,
        Heads = Heads,
        KeyValueHeads = KeyValueHeads,
        HeadSize = HeadSize,
        VocabularySize = VocabularySize,
        VisualTokens = visualTokens,
    };

    /// <summary>Reads a Hugging Face text configuration; absent keys take the class defaults of its <c>model_type</c>.</summary>
    /// <param name="json">
    /// The configuration object: <c>text_config</c>, or the whole config.json of a text model, of an original LLaVA, of a Qwen2-VL (flat or with
    /// <c>text_config</c>) or of a MiniCPM-V.
    /// </param>
    /// <param name="where">File name for messages.</param>
    /// <param name="type">
    /// What stands in for <c>model_type</c>; null for the file's own, of which the last part counts where the whole is unknown (<c>x_llama</c> is a LLaMA).
    /// </param>
    /// <exception cref="ApertureException">A value has the wrong type or range, or the architecture is none of the families.</exception>
    public static DecoderSpec Parse(JsonElement json, string where, string? type = null) => DecoderSpecReader.Read(new ConfigReader(json, where), type);
}
