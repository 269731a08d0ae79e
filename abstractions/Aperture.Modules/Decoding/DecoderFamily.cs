using Aperture.Measuring;

namespace Aperture.Decoding;

/// <summary>
/// What a <c>model_type</c> says without writing it down: the defaults of its configuration class (a config.json holds what differs from them) and the shape of
/// its block.
/// </summary>
internal sealed record DecoderFamily
{
    private static readonly DecoderFamily _llama = new() { BiasKey = "attention_bias", FeedForwardBiasKey = "mlp_bias" };

    private static readonly DecoderFamily _mistral = _llama with
    {
        Intermediate = 14336,
        KeyValueHeads = 8,
        MaxPositions = 131072,
        Windows = WindowRule.Always,
    };

    private static readonly DecoderFamily _qwen2 = new()
    {
        Intermediate = 22016,
        KeyValueHeads = 32,
        Vocabulary = 151936,
        MaxPositions = 32768,
        QueryKeyValueBias = true,
        Windows = WindowRule.WhereAsked,
        FirstWindowLayer = 28,
    };

    // The classes' defaults are those of the 72B model.
    private static readonly DecoderFamily _qwen2Vl = _qwen2 with
    {
        Hidden = 8192,
        Intermediate = 29568,
        Layers = 80,
        Heads = 64,
        KeyValueHeads = 8,
        Vocabulary = 152064,
        Epsilon = 1e-5,
        Theta = 1000000,
        Windows = WindowRule.Refused,
        Axes = 3,
    };

    private static readonly DecoderFamily _phi = new()
    {
        Hidden = 2048,
        Intermediate = 8192,
        Layers = 24,
        Vocabulary = 51200,
        Norm = NormKind.Layer,
        EpsilonKey = "layer_norm_eps",
        Epsilon = 1e-5,
        PartialRotary = 0.5,
        Activation = "gelu_new",
        ParallelBlock = true,
        GatedFeedForward = false,
        QueryKeyValueBias = true,
        OutputBias = true,
        FeedForwardBias = true,
        HeadBias = true,
        Keys = DecoderKeys.Phi,
    };

    private static readonly DecoderFamily _internLm2 = new() { Vocabulary = 103168, BiasKey = "bias", BiasByDefault = true, Keys = DecoderKeys.InternLm2 };

    private static readonly DecoderFamily _miniCpm = _llama with { Scaled = true };

    private static readonly Dictionary<string, DecoderFamily> _families = new(StringComparer.Ordinal)
    {
        ["llama"] = _llama,
        ["vicuna"] = _llama,
        ["mistral"] = _mistral,
        ["qwen2"] = _qwen2,
        ["qwen2_vl"] = _qwen2Vl,
        ["qwen2_vl_text"] = _qwen2Vl,
        ["qwen2_5_vl"] = _qwen2Vl,
        ["qwen2_5_vl_text"] = _qwen2Vl,
        ["phi"] = _phi,
        ["internlm2"] = _internLm2,
        ["minicpm"] = _miniCpm,
    };

    /// <summary>MiniCPM-V's decoders by the <c>version</c> of its config.json, which 2.0 leaves out.</summary>
    public static IReadOnlyDictionary<string, DecoderFamily> MiniCpmV { get; } = new Dictionary<string, DecoderFamily>(StringComparer.Ordinal)
    {
        ["2.0"] = _miniCpm,
        ["2.5"] = _llama,
        ["2.6"] = _qwen2,
    };

    public int Hidden { get; init; } = 4096;

    public int Intermediate { get; init; } = 11008;

    public int Layers { get; init; } = 32;

    public int Heads { get; init; } = 32;

    /// <summary>0 means as many as query heads.</summary>
    public int KeyValueHeads { get; init; }

    public int Vocabulary { get; init; } = 32000;

    public int MaxPositions { get; init; } = 2048;

    public NormKind Norm { get; init; }

    public string EpsilonKey { get; init; } = "rms_norm_eps";

    public double Epsilon { get; init; } = 1e-6;

    public double Theta { get; init; } = 10000;

    /// <summary>The part of a head that is rotated.</summary>
    public double PartialRotary { get; init; } = 1;

    public string Activation { get; init; } = "silu";

    public bool ParallelBlock { get; init; }

    public bool GatedFeedForward { get; init; } = true;

    public bool QueryKeyValueBias { get; init; }

    public bool OutputBias { get; init; }

    public bool FeedForwardBias { get; init; }

    public bool HeadBias { get; init; }

    /// <summary>The key that gives all four matrices of attention biases; null where there is none.</summary>
    public string? BiasKey { get; init; }

    public bool BiasByDefault { get; init; }

    /// <summary>The key that gives the feed-forward matrices biases; null where there is none.</summary>
    public string? FeedForwardBiasKey { get; init; }

    public WindowRule Windows { get; init; }

    public int FirstWindowLayer { get; init; }

    /// <summary>Position ids of a row.</summary>
    public int Axes { get; init; } = 1;

    /// <summary>Whether <c>scale_emb</c>, <c>scale_depth</c> and <c>dim_model_base</c> are read.</summary>
    public bool Scaled { get; init; }

    public DecoderKeys Keys { get; init; }

    /// <summary>The family of a <c>model_type</c>; null for one that is not known.</summary>
    public static DecoderFamily? Of(string type) => _families.GetValueOrDefault(type);

    /// <summary>The names of all families.</summary>
    public static IReadOnlyCollection<string> Names => _families.Keys;

    /// <summary>When a sliding window is in force.</summary>
    internal enum WindowRule
    {
        /// <summary>Never; the keys mean nothing.</summary>
        Never,

        /// <summary>Unless <c>sliding_window</c> is null.</summary>
        Always,

        /// <summary>Where <c>use_sliding_window</c> is true.</summary>
        WhereAsked,

        /// <summary>Never, and <c>use_sliding_window</c> must not be true.</summary>
        Refused,
    }
}
