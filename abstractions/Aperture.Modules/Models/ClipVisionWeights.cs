using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>The weights of a CLIP vision tower, under the published names. Owns its tensors.</summary>
public sealed class ClipVisionWeights : IDisposable
{
    private readonly List<(string Name, Tensor Tensor)> _named = [];
    private readonly List<IDisposable> _owned = [];

    private ClipVisionWeights()
    {
    }

    /// <summary><c>embeddings.class_embedding</c> <c>[C]</c>.</summary>
    public Tensor ClassEmbedding { get; private set; } = null!;

    /// <summary><c>embeddings.patch_embedding.weight</c> <c>[C, 3, patch, patch]</c>.</summary>
    public Tensor PatchEmbedding { get; private set; } = null!;

    /// <summary><c>embeddings.position_embedding.weight</c> <c>[1 + grid², C]</c>; row 0 is the class token's.</summary>
    public Tensor Positions { get; private set; } = null!;

    /// <summary><c>pre_layrnorm</c>, spelled as in the checkpoints.</summary>
    public LayerNormWeights PreNorm { get; private set; } = null!;

    /// <summary><c>post_layernorm</c>; null where it was not asked for.</summary>
    public LayerNormWeights? PostNorm { get; private set; }

    /// <summary>The blocks that were loaded.</summary>
    public IReadOnlyList<ClipBlockWeights> Blocks { get; private set; } = [];

    /// <summary>All tensors by published name (without prefix).</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Named => _named;

    /// <summary>Loads a tower.</summary>
    /// <param name="source">The checkpoint; must outlive the weights, whose memory it may be.</param>
    /// <param name="prefix">What stands before <c>embeddings</c>, such as <c>vision_model.</c>.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <param name="blocks">How many blocks are needed: those behind a feature layer need not exist.</param>
    /// <param name="postNorm">Whether the norm behind the last block is needed.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static ClipVisionWeights Load(IWeightSource source, string prefix, ClipVisionConfig config, WeightPolicy policy, int blocks, bool postNorm)
    {
        ClipVisionWeights weights = new();
        // Towers are small beside decoders and run many rows at once: they are kept in the type computed in.
        Loader load = new(weights, source, prefix, policy with { Storage = policy.Compute });
        int c = config.HiddenSize, m = config.IntermediateSize;
        try
        {
            weights.ClassEmbedding = load.Tensor("embeddings.class_embedding", c);
            weights.PatchEmbedding = load.Tensor("embeddings.patch_embedding.weight", c, 3, config.PatchSize, config.PatchSize);
            weights.Positions = load.Tensor("embeddings.position_embedding.weight", 1 + (config.Grid * config.Grid), c);
            weights.PreNorm = load.Norm("pre_layrnorm", c);
            weights.PostNorm = postNorm ? load.Norm("post_layernorm", c) : null;
            ClipBlockWeights[] loaded = new ClipBlockWeights[blocks];
            for (int block = 0; block < blocks; block++)
            {
                string name = $"encoder.layers.{block}.";
                loaded[block] = new ClipBlockWeights(
                    load.Norm(name + "layer_norm1", c),
                    load.Linear(name + "self_attn.q_proj", c, c),
                    load.Linear(name + "self_attn.k_proj", c, c),
                    load.Linear(name + "self_attn.v_proj", c, c),
                    load.Linear(name + "self_attn.out_proj", c, c),
                    load.Norm(name + "layer_norm2", c),
                    load.Linear(name + "mlp.fc1", m, c),
                    load.Linear(name + "mlp.fc2", c, m));
            }

            weights.Blocks = loaded;
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose() => _owned.ForEach(item => item.Dispose());

    private sealed class Loader(ClipVisionWeights weights, IWeightSource source, string prefix, WeightPolicy policy)
    {
        public Tensor Tensor(string name, params long[] shape)
        {
            Tensor tensor = policy.Vector(source, prefix + name, shape);
            weights._owned.Add(tensor);
            weights._named.Add((name, tensor));
            return tensor;
        }

        public LayerNormWeights Norm(string name, int width) => new(Tensor(name + ".weight", width), Tensor(name + ".bias", width));

        public LinearWeights Linear(string name, int outputs, int inputs) => new(Tensor(name + ".weight", outputs, inputs), Tensor(name + ".bias", outputs));
    }
}

/// <summary>The weights of one block. Borrowed from the tower's weights.</summary>
/// <param name="Norm1"><c>layer_norm1</c>.</param>
/// <param name="Query"><c>self_attn.q_proj</c>.</param>
/// <param name="Key"><c>self_attn.k_proj</c>.</param>
/// <param name="Value"><c>self_attn.v_proj</c>.</param>
/// <param name="Output"><c>self_attn.out_proj</c>.</param>
/// <param name="Norm2"><c>layer_norm2</c>.</param>
/// <param name="Up"><c>mlp.fc1</c>.</param>
/// <param name="Down"><c>mlp.fc2</c>.</param>
public sealed record ClipBlockWeights(
    LayerNormWeights Norm1, LinearWeights Query, LinearWeights Key, LinearWeights Value, LinearWeights Output, LayerNormWeights Norm2, LinearWeights Up, LinearWeights Down);
