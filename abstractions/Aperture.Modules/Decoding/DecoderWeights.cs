using Aperture.Measuring;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>The weights of a decoder, under the canonical names. Owns its tensors.</summary>
public sealed class DecoderWeights : IDisposable
{
    private DecoderWeights(Tensor embeddings, DecoderLayerWeights[] layers, NormWeights norm, Matrix head)
    {
        Embeddings = embeddings;
        Layers = layers;
        Norm = norm;
        Head = head;
    }

    /// <summary>Embedding table <c>[V, d]</c>.</summary>
    public Tensor Embeddings { get; }

    /// <summary>The layers.</summary>
    public IReadOnlyList<DecoderLayerWeights> Layers { get; }

    /// <summary>The final norm.</summary>
    public NormWeights Norm { get; }

    /// <summary>Output matrix <c>[V, d]</c>.</summary>
    public Matrix Head { get; }

    /// <summary>Layers whose attention the checkpoint leaves out, ascending.</summary>
    public IReadOnlyList<int> LayersWithoutAttention => [.. Enumerable.Range(0, Layers.Count).Where(layer => !Layers[layer].HasAttention)];

    /// <summary>Loads the weights. Attention may be missing in single layers, see <see cref="LayersWithoutAttention"/>.</summary>
    /// <param name="checkpoint">The checkpoint; must stay alive as long as the weights, whose memory it may be.</param>
    /// <param name="prefix">What stands before <c>embed_tokens</c>, <c>layers</c> and <c>norm</c>, such as <c>model.</c>.</param>
    /// <param name="head">The output matrix by its canonical name without <c>.weight</c>, such as <c>lm_head</c>, whatever the architecture calls it.</param>
    /// <param name="spec">The decoder.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape, or no layer has attention.</exception>
    public static DecoderWeights Load(IWeightSource checkpoint, string prefix, string head, DecoderSpec spec, WeightPolicy policy)
    {
        IWeightSource source = CanonicalWeights.Of(checkpoint, prefix, head, spec);
        int d = spec.HiddenSize, vocabulary = spec.VocabularySize;
        List<IDisposable> loaded = [];
        T Keep<T>(T item)
            where T : IDisposable
        {
            loaded.Add(item);
            return item;
        }

        try
        {
            Tensor embeddings = Keep(policy.Matrix(source, prefix + "embed_tokens.weight", vocabulary, d));
            DecoderLayerWeights[] layers = new DecoderLayerWeights[spec.Layers];
            for (int layer = 0; layer < layers.Length; layer++)
            {
                layers[layer] = Keep(DecoderLayerWeights.Load(source, $"{prefix}layers.{layer}.", spec, policy));
            }

            if (layers.All(layer => !layer.HasAttention))
            {
                throw new ApertureException(
                    $"The checkpoint has no attention weights, such as {prefix}layers.0.self_attn.q_proj.weight, in any layer; check that it is this model's.");
            }

            NormWeights norm = Keep(policy.Norm(source, prefix + "norm", spec.Norm, d));
            bool tied = spec.TiedEmbeddings || !source.Contains(head + ".weight");
            Tensor? bias = tied && spec.HeadBias && policy.Format == WeightFormat.Stored ? Keep(policy.Vector(source, head + ".bias", vocabulary)) : null;
            Matrix output = !tied ? policy.Linear(source, head, vocabulary, d, spec.HeadBias)
                : policy.Format == WeightFormat.Stored ? new DenseMatrix(embeddings.alias(), bias)
                : policy.Quantized(source, prefix + "embed_tokens.weight", spec.HeadBias ? head + ".bias" : null, vocabulary, d);
            return new DecoderWeights(embeddings, layers, norm, output);
        }
        catch
        {
            loaded.ForEach(item => item.Dispose());
            throw;
        }
    }

    /// <summary>All tensors by canonical name, for training and saving.</summary>
    /// <param name="prefix">As in <see cref="Load"/>.</param>
    /// <param name="head">As in <see cref="Load"/>.</param>
    public IEnumerable<(string Name, Tensor Tensor)> Named(string prefix, string head) =>
    [
        (prefix + "embed_tokens.weight", Embeddings),
        .. Layers.SelectMany((layer, index) => layer.Named($"{prefix}layers.{index}.")),
        .. Norm.Named(prefix + "norm"),
        .. Head.Named(head),
    ];

    /// <summary>The canonical names of everything that was loaded, in whatever format it is kept.</summary>
    /// <param name="prefix">As in <see cref="Load"/>.</param>
    /// <param name="head">As in <see cref="Load"/>.</param>
    public IEnumerable<string> Names(string prefix, string head) =>
    [
        .. Named(prefix, head).Select(entry => entry.Name),
        .. Layers.SelectMany((layer, index) => layer.Matrices($"{prefix}layers.{index}.")).SelectMany(entry => entry.Matrix.Names(entry.Name)),
        .. Head.Names(head),
    ];

    /// <summary>Bytes that a token reads: everything but the embedding table, of which one row is read.</summary>
    public long StreamedBytes
        => Norm.Named("").Concat(Layers.SelectMany(layer => layer.NamedNorms(""))).Sum(entry => entry.Tensor.numel() * entry.Tensor.element_size())
            + Head.StoredBytes
            + Layers.SelectMany(layer => layer.Matrices("")).Sum(entry => entry.Matrix.StoredBytes);

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Embeddings.Dispose();
        foreach (DecoderLayerWeights layer in Layers)
        {
            layer.Dispose();
        }

        Norm.Dispose();
        Head.Dispose();
    }
}
