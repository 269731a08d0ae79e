using Aperture.Decoding;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Text;

/// <summary>The weights of a BERT or RoBERTa encoder, under the published names. Owns its tensors.</summary>
public sealed class BertWeights : IDisposable
{
    private readonly WeightLoader _loader;

    private BertWeights(WeightLoader loader, string prefix, BertConfig config, bool pooler)
    {
        _loader = loader;
        string embeddings = prefix + "embeddings.";
        Words = loader.Tensor(embeddings + "word_embeddings.weight", config.Vocabulary, config.HiddenSize);
        Positions = loader.Tensor(embeddings + "position_embeddings.weight", config.Positions, config.HiddenSize);
        TokenTypes = loader.Tensor(embeddings + "token_type_embeddings.weight", config.TokenTypes, config.HiddenSize);
        Norm = loader.Norm(embeddings + "LayerNorm", config.HiddenSize);
        Layers = [.. Enumerable.Range(0, config.Layers).Select(layer => Layer(loader, $"{prefix}encoder.layer.{layer}.", config))];
        Pooler = pooler ? loader.Linear(prefix + "pooler.dense", config.HiddenSize, config.HiddenSize) : null;
    }

    /// <summary><c>embeddings.word_embeddings.weight</c> <c>[vocabulary, d]</c>.</summary>
    public Tensor Words { get; }

    /// <summary><c>embeddings.position_embeddings.weight</c> <c>[positions, d]</c>.</summary>
    public Tensor Positions { get; }

    /// <summary><c>embeddings.token_type_embeddings.weight</c> <c>[types, d]</c>.</summary>
    public Tensor TokenTypes { get; }

    /// <summary><c>embeddings.LayerNorm</c>.</summary>
    public LayerNormWeights Norm { get; }

    /// <summary>The layers.</summary>
    public IReadOnlyList<BertLayerWeights> Layers { get; }

    /// <summary><c>pooler.dense</c>; null where it was not asked for.</summary>
    public Matrix? Pooler { get; }

    /// <summary>All tensors by published name.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _loader.Tensors;

    /// <summary>Loads an encoder.</summary>
    /// <param name="source">The checkpoint; must outlive the weights, whose memory it may be.</param>
    /// <param name="prefix">What stands before <c>embeddings</c>, such as <c>bert.</c> or nothing.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <param name="pooler">Whether <see cref="BertEncoder.Pool"/> is needed.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static BertWeights Load(IWeightSource source, string prefix, BertConfig config, WeightPolicy policy, bool pooler)
    {
        WeightLoader loader = new(source, policy);
        try
        {
            return new BertWeights(loader, prefix, config, pooler);
        }
        catch
        {
            loader.Dispose();
            throw;
        }
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose() => _loader.Dispose();

    private static BertLayerWeights Layer(WeightLoader loader, string name, BertConfig config) => new(
        BertAttentionWeights.Load(loader, name + "attention.", config.HiddenSize, config.HiddenSize),
        BertFeedForwardWeights.Load(loader, name, config.HiddenSize, config.IntermediateSize));
}

/// <summary>The weights of one layer. Borrowed from the encoder's weights.</summary>
/// <param name="Attention">The attention sub-layer.</param>
/// <param name="FeedForward">The feed-forward sub-layer.</param>
public sealed record BertLayerWeights(BertAttentionWeights Attention, BertFeedForwardWeights FeedForward);
