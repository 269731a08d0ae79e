using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Text;

/// <summary>Sizes and options of a BERT or RoBERTa encoder.</summary>
public sealed record BertConfig
{
    /// <summary>Tokens of the vocabulary.</summary>
    public int Vocabulary { get; init; } = 30522;

    /// <summary>Width of a row.</summary>
    public int HiddenSize { get; init; } = 768;

    /// <summary>Width of the feed-forward network.</summary>
    public int IntermediateSize { get; init; } = 3072;

    /// <summary>Number of layers.</summary>
    public int Layers { get; init; } = 12;

    /// <summary>Attention heads.</summary>
    public int Heads { get; init; } = 12;

    /// <summary>Rows of the position table.</summary>
    public int Positions { get; init; } = 512;

    /// <summary>Rows of the token-type table.</summary>
    public int TokenTypes { get; init; } = 2;

    /// <summary>Activation of the feed-forward network, by its name in <see cref="Activations"/>.</summary>
    public string Activation { get; init; } = "gelu";

    /// <summary>Added to the variance in the norms.</summary>
    public double NormEpsilon { get; init; } = 1e-12;

    /// <summary>Id of the padding token.</summary>
    public int PadId { get; init; }

    /// <summary>
    /// Whether positions count the tokens that are no padding, from <see cref="PadId"/> + 1 on, and padding stands at position <see cref="PadId"/> (RoBERTa);
    /// else they count all tokens from 0 on (BERT).
    /// </summary>
    public bool PositionsSkipPadding { get; init; }

    /// <summary>Most tokens a text may have.</summary>
    public int LongestText => PositionsSkipPadding ? Positions - PadId - 1 : Positions;

    /// <summary>Reads a Hugging Face configuration; absent keys take the class defaults of its <c>model_type</c>.</summary>
    /// <param name="json">The configuration object.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range, or the model is of another kind.</exception>
    public static BertConfig Parse(JsonElement json, string where)
    {
        ConfigReader config = new(json, where);
        string type = config.Text("model_type", "bert")!;
        if (type is not ("bert" or "roberta"))
        {
            throw new ApertureException($"{where}: model_type '{type}' is not supported in a text encoder; use a bert or roberta checkpoint.");
        }

        if (config.Text("position_embedding_type", "absolute") is var positions && positions != "absolute")
        {
            throw new ApertureException($"{where}: position_embedding_type '{positions}' is not supported; use a checkpoint with absolute positions.");
        }

        BertConfig defaults = type == "roberta" ? new BertConfig { Vocabulary = 50265, PadId = 1, PositionsSkipPadding = true } : new BertConfig();
        BertConfig parsed = defaults with
        {
            Vocabulary = config.Size("vocab_size", defaults.Vocabulary),
            HiddenSize = config.Size("hidden_size", defaults.HiddenSize),
            IntermediateSize = config.Size("intermediate_size", defaults.IntermediateSize),
            Layers = config.Size("num_hidden_layers", defaults.Layers),
            Heads = config.Size("num_attention_heads", defaults.Heads),
            Positions = config.Size("max_position_embeddings", defaults.Positions),
            TokenTypes = config.Size("type_vocab_size", defaults.TokenTypes),
            Activation = config.Text("hidden_act", defaults.Activation)!,
            NormEpsilon = config.Number("layer_norm_eps", defaults.NormEpsilon),
            PadId = config.Integer("pad_token_id", defaults.PadId),
        };
        parsed.Validate(where);
        return parsed;
    }

    /// <summary>Checks that the sizes belong together.</summary>
    /// <param name="where">What messages begin with.</param>
    /// <exception cref="ApertureException">They do not.</exception>
    public void Validate(string where)
    {
        if (HiddenSize % Heads != 0)
        {
            throw new ApertureException($"{where}: hidden size {HiddenSize} is not a multiple of {Heads} attention heads.");
        }

        if (PadId < 0 || PadId >= Vocabulary)
        {
            throw new ApertureException($"{where}: pad_token_id {PadId} is not in the vocabulary of {Vocabulary} tokens.");
        }

        if (LongestText < 1)
        {
            throw new ApertureException($"{where}: {Positions} positions leave no room for a text behind position {PadId} of the padding.");
        }
    }
}
