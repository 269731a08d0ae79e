using System.Text.Json;
using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Decoding;

/// <summary>Reads a decoder's specification from a Hugging Face configuration.</summary>
internal static class DecoderSpecReader
{
    public static DecoderSpec Read(ConfigReader config, string? named = null)
    {
        string type = named ?? config.Text("model_type", "llama")!;
        if (type is "qwen2_vl" or "qwen2_5_vl" && config.Has("text_config"))
        {
            // Newer files nest the decoder's keys; whether embeddings are tied may stand in either place.
            ConfigReader text = config.Child("text_config");
            return Read(text) with { TiedEmbeddings = text.Flag("tie_word_embeddings", config.Flag("tie_word_embeddings", false)) };
        }

        DecoderFamily? family = type == "minicpmv" ? MiniCpmV(config) : DecoderFamily.Of(type) ?? DecoderFamily.Of(type[(type.LastIndexOf('_') + 1)..]);
        if (family is null)
        {
            string known = string.Join(", ", DecoderFamily.Names.Order(StringComparer.Ordinal));
            throw new ApertureException($"{config.Where}: model_type '{type}' is not a decoder that is known; use {known} or minicpmv.");
        }

        return Read(config, family);
    }

    private static DecoderFamily MiniCpmV(ConfigReader config)
    {
        string version = config.Has("version") && config.Root.GetProperty("version") is { ValueKind: JsonValueKind.Number } number
            ? number.GetRawText()
            : config.Text("version", "2.0")!;
        return DecoderFamily.MiniCpmV.GetValueOrDefault(version)
            ?? throw new ApertureException(
                $"{config.Where}: version '{version}' of minicpmv is not supported; use {string.Join(", ", DecoderFamily.MiniCpmV.Keys)}.");
    }

    private static DecoderSpec Read(ConfigReader config, DecoderFamily family)
    {
        int hidden = config.Size("hidden_size", family.Hidden), heads = config.Size("num_attention_heads", family.Heads);
        int keyValueHeads = config.Size("num_key_value_heads", family.KeyValueHeads == 0 ? heads : family.KeyValueHeads);
        int headSize = config.Size("head_dim", hidden / heads), layers = config.Size("num_hidden_layers", family.Layers);
        if (heads % keyValueHeads != 0)
        {
            throw new ApertureException($"{config.Where}: num_attention_heads {heads} is not a multiple of num_key_value_heads {keyValueHeads}.");
        }

        if (headSize < 2 || headSize % 2 != 0)
        {
            throw new ApertureException(
                $"{config.Where}: heads are {headSize} wide, but rotary positions need an even width; check hidden_size, num_attention_heads and head_dim.");
        }

        if (config.Flag("qk_layernorm", false))
        {
            throw new ApertureException(
                $"{config.Where}: qk_layernorm is true, but norms of queries and keys are not supported; use a checkpoint without them.");
        }

        int maxPositions = config.Size("max_position_embeddings", family.MaxPositions);
        bool biases = family.BiasKey is { } key && config.Flag(key, family.BiasByDefault);
        DecoderSpec spec = new()
        {
            HiddenSize = hidden,
            IntermediateSize = config.Size("intermediate_size", family.Intermediate),
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadSize = headSize,
            VocabularySize = config.Size("vocab_size", family.Vocabulary),
            Norm = family.Norm,
            NormEpsilon = config.Number(family.EpsilonKey, family.Epsilon),
            ParallelBlock = family.ParallelBlock,
            GatedFeedForward = family.GatedFeedForward,
            Activation = Activation(config, family),
            MaxPositions = maxPositions,
            Rotary = RotaryReader.Read(config, family, headSize, maxPositions),
            QueryKeyValueBias = family.QueryKeyValueBias || biases,
            OutputBias = family.OutputBias || biases,
            FeedForwardBias = family.FeedForwardBias || (family.FeedForwardBiasKey is { } mlp && config.Flag(mlp, false)),
            HeadBias = family.HeadBias,
            TiedEmbeddings = config.Flag("tie_word_embeddings", false),
            SlidingWindow = Window(config, family),
            FirstWindowLayer = family.FirstWindowLayer == 0 ? 0 : config.Integer("max_window_layers", family.FirstWindowLayer),
            Keys = family.Keys,
        };
        return family.Scaled ? Scale(config, spec) : spec;
    }

    private static string Activation(ConfigReader config, DecoderFamily family)
    {
        string activation = config.Text("hidden_act", family.Activation)!;
        activation = activation == "swish" ? "silu" : activation;
        return activation == family.Activation
            ? activation
            : throw new ApertureException($"{config.Where}: hidden_act '{activation}' is not supported; decoders of this type use {family.Activation}.");
    }

    private static int Window(ConfigReader config, DecoderFamily family)
    {
        bool asked = family.Windows is DecoderFamily.WindowRule.WhereAsked or DecoderFamily.WindowRule.Refused && config.Flag("use_sliding_window", false);
        if (asked && family.Windows == DecoderFamily.WindowRule.Refused)
        {
            throw new ApertureException(
                $"{config.Where}: use_sliding_window is true, but a window over positions of {family.Axes} axes is not supported; set it to false.");
        }

        bool none = config.Root.TryGetProperty("sliding_window", out JsonElement stored) && stored.ValueKind == JsonValueKind.Null;
        return (asked || family.Windows == DecoderFamily.WindowRule.Always) && !none ? config.Size("sliding_window", 4096) : 0;
    }

    // MiniCPM: text embeddings, residual branches and the last rows are scaled.
    private static DecoderSpec Scale(ConfigReader config, DecoderSpec spec) => spec with
    {
        EmbeddingScale = config.Number("scale_emb", 1),
        ResidualScale = config.Number("scale_depth", 1) / Math.Sqrt(spec.Layers),
        LogitScale = config.Number("dim_model_base", 1) / spec.HiddenSize,
    };
}
