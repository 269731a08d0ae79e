using System.Text.Json;
using Aperture.Decoding;

namespace Aperture.Models;

/// <summary>Sizes and options of a LLaMA-type decoder: RMS norm, rotary positions, grouped key/value heads, gated SiLU feed-forward.</summary>
public sealed record DecoderConfig
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

    /// <summary>Added to the mean of squares in the norms.</summary>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>Rotary position embedding.</summary>
    public required RotaryConfig Rotary { get; init; }

    /// <summary>Longest sequence the model was made for.</summary>
    public int MaxPositions { get; init; } = 2048;

    /// <summary>Whether q, k and v carry biases.</summary>
    public bool QueryKeyValueBias { get; init; }

    /// <summary>Whether the output projection carries a bias.</summary>
    public bool OutputBias { get; init; }

    /// <summary>Whether the feed-forward matrices carry biases.</summary>
    public bool FeedForwardBias { get; init; }

    /// <summary>Whether the output matrix is the embedding table. Also taken so where the checkpoint has no output matrix.</summary>
    public bool TiedEmbeddings { get; init; }

    /// <summary>How many positions back a row sees; 0 means all.</summary>
    public int SlidingWindow { get; init; }

    /// <summary>The first layer that uses the window.</summary>
    public int FirstWindowLayer { get; init; }

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
        Heads = Heads,
        KeyValueHeads = KeyValueHeads,
        HeadSize = HeadSize,
        VocabularySize = VocabularySize,
        VisualTokens = visualTokens,
    };

    /// <summary>Reads a Hugging Face text configuration; absent keys take the class defaults of its <c>model_type</c>.</summary>
    /// <param name="json">The configuration object (<c>text_config</c>, or the whole config.json of a text model or an original LLaVA).</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range, or the architecture is not of this family.</exception>
    public static DecoderConfig Parse(JsonElement json, string where)
    {
        ConfigReader config = new(json, where);
        string type = config.Text("model_type", "llama")!;
        bool mistral = type is "mistral" or "llava_mistral";
        bool qwen = type == "qwen2";
        if (!mistral && !qwen && type is not ("llama" or "llava" or "llava_llama" or "vicuna" or "mod_llava_llama" or "mod_mgm"))
        {
            throw new ApertureException($"{where}: model_type '{type}' is not a LLaMA-type decoder; llama, mistral and qwen2 are supported.");
        }

        string activation = config.Text("hidden_act", "silu")!;
        if (activation is not ("silu" or "swish"))
        {
            throw new ApertureException($"{where}: hidden_act '{activation}' is not supported; LLaMA-type decoders use silu.");
        }

        int hidden = config.Size("hidden_size", 4096);
        int heads = config.Size("num_attention_heads", 32);
        int keyValueHeads = config.Size("num_key_value_heads", mistral ? 8 : qwen ? 32 : heads);
        int headSize = config.Size("head_dim", hidden / heads);
        if (heads % keyValueHeads != 0)
        {
            throw new ApertureException($"{where}: num_attention_heads {heads} is not a multiple of num_key_value_heads {keyValueHeads}.");
        }

        int maxPositions = config.Size("max_position_embeddings", mistral ? 131072 : qwen ? 32768 : 2048);
        bool window = mistral ? true : qwen && config.Flag("use_sliding_window", false);
        bool hasWindow = config.Root.TryGetProperty("sliding_window", out JsonElement stored);
        return new DecoderConfig
        {
            HiddenSize = hidden,
            IntermediateSize = config.Size("intermediate_size", mistral ? 14336 : qwen ? 22016 : 11008),
            Layers = config.Size("num_hidden_layers", 32),
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadSize = headSize,
            VocabularySize = config.Size("vocab_size", qwen ? 151936 : 32000),
            NormEpsilon = config.Number("rms_norm_eps", 1e-6),
            MaxPositions = maxPositions,
            Rotary = ParseRotary(config, headSize, maxPositions),
            QueryKeyValueBias = qwen || config.Flag("attention_bias", false),
            OutputBias = !qwen && config.Flag("attention_bias", false),
            FeedForwardBias = config.Flag("mlp_bias", false),
            TiedEmbeddings = config.Flag("tie_word_embeddings", false),
            SlidingWindow = !window ? 0 : hasWindow && stored.ValueKind == JsonValueKind.Null ? 0 : config.Size("sliding_window", 4096),
            FirstWindowLayer = qwen ? config.Integer("max_window_layers", 28) : 0,
        };
    }

    private static RotaryConfig ParseRotary(ConfigReader config, int headSize, int maxPositions)
    {
        // transformers 5 writes rope_parameters in place of rope_theta and rope_scaling.
        ConfigReader parameters = config.Has("rope_parameters") ? config.Child("rope_parameters") : config.Child("rope_scaling");
        double theta = parameters.Number("rope_theta", config.Number("rope_theta", 10000));
        string kind = parameters.Text("rope_type", parameters.Text("type", "default"))!;
        RotaryScaling scaling = kind switch
        {
            "default" => RotaryScaling.None,
            "linear" => RotaryScaling.Linear,
            "dynamic" => RotaryScaling.Dynamic,
            "llama3" => RotaryScaling.Llama3,
            _ => throw new ApertureException($"{config.Where}: rope scaling '{kind}' is not supported; use default, linear, dynamic or llama3."),
        };
        double factor = parameters.Number("factor", 1);
        if (factor <= 0)
        {
            throw new ApertureException($"{config.Where}: the rope scaling factor is {factor} but must be above 0.");
        }

        return new RotaryConfig
        {
            Theta = theta,
            Dimensions = headSize,
            Scaling = scaling,
            Factor = factor,
            MaxPositions = maxPositions,
            LowFrequencyFactor = parameters.Number("low_freq_factor", 1),
            HighFrequencyFactor = parameters.Number("high_freq_factor", 4),
            OriginalMaxPositions = parameters.Size("original_max_position_embeddings", 8192),
        };
    }
}
