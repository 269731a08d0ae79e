using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>The weights of a LLaMA-type decoder, under the published names. Owns its tensors.</summary>
public sealed class DecoderWeights : IDisposable
{
    private DecoderWeights(Tensor embeddings, DecoderLayerWeights[] layers, Tensor norm, LinearWeights head)
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

    /// <summary>Gain of the final norm <c>[d]</c>.</summary>
    public Tensor Norm { get; }

    /// <summary>Output matrix <c>[V, d]</c>.</summary>
    public LinearWeights Head { get; }

    /// <summary>Layers whose attention the checkpoint leaves out, ascending.</summary>
    public IReadOnlyList<int> LayersWithoutAttention => [.. Enumerable.Range(0, Layers.Count).Where(layer => !Layers[layer].HasAttention)];

    /// <summary>Loads the weights. Attention may be missing in single layers, see <see cref="LayersWithoutAttention"/>.</summary>
    /// <param name="source">The checkpoint; must stay alive as long as the weights, whose memory it may be.</param>
    /// <param name="prefix">What stands before <c>embed_tokens</c>, <c>layers</c> and <c>norm</c>, such as <c>model.</c>.</param>
    /// <param name="head">Name of the output matrix without <c>.weight</c>.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape, or no layer has attention.</exception>
    public static DecoderWeights Load(IWeightSource source, string prefix, string head, DecoderConfig config, WeightPolicy policy)
    {
        int d = config.HiddenSize, vocabulary = config.VocabularySize;
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
            DecoderLayerWeights[] layers = new DecoderLayerWeights[config.Layers];
            for (int layer = 0; layer < layers.Length; layer++)
            {
                layers[layer] = Keep(DecoderLayerWeights.Load(source, $"{prefix}layers.{layer}.", config, policy));
            }

            if (layers.All(layer => !layer.HasAttention))
            {
                throw new ApertureException($"The checkpoint has no attention weights, such as {prefix}layers.0.self_attn.q_proj.weight, in any layer; check that it belongs to this model.");
            }

            Tensor norm = Keep(policy.Vector(source, prefix + "norm.weight", d));
            bool tied = config.TiedEmbeddings || !source.Contains(head + ".weight");
            LinearWeights output = tied ? new LinearWeights(embeddings.alias()) : policy.Linear(source, head, vocabulary, d, bias: false);
            return new DecoderWeights(embeddings, layers, norm, output);
        }
        catch
        {
            loaded.ForEach(item => item.Dispose());
            throw;
        }
    }

    /// <summary>All tensors by published name, for training and saving.</summary>
    /// <param name="prefix">As in <see cref="Load"/>.</param>
    /// <param name="head">As in <see cref="Load"/>.</param>
    public IEnumerable<(string Name, Tensor Tensor)> Named(string prefix, string head)
    {
        yield return (prefix + "embed_tokens.weight", Embeddings);
        for (int layer = 0; layer < Layers.Count; layer++)
        {
            foreach ((string name, Tensor tensor) in Layers[layer].Named($"{prefix}layers.{layer}."))
            {
                yield return (name, tensor);
            }
        }

        yield return (prefix + "norm.weight", Norm);
        yield return (head + ".weight", Head.Weight);
    }

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
