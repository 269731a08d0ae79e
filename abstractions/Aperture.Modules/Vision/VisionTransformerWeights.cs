using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>The weights of a vision transformer, loaded under a checkpoint's names. Owns its tensors.</summary>
public sealed class VisionTransformerWeights : IDisposable
{
    private readonly List<(string Name, Tensor Tensor)> _named = [];
    private readonly List<IDisposable> _own = []; // views, and matrices that are not stored dense

    private VisionTransformerWeights()
    {
    }

    /// <summary>The class token's row, C values in any shape; null for none.</summary>
    public Tensor? ClassEmbedding { get; private set; }

    /// <summary>The patch embedding <c>[C, 3, patch, patch]</c>; null where patches come flattened.</summary>
    public Tensor? Patches { get; private set; }

    /// <summary>Its bias <c>[C]</c>; null for none.</summary>
    public Tensor? PatchBias { get; private set; }

    /// <summary>The patch embedding <c>[C, 3 frames patch²]</c> of flattened patches; null for one that reads pixels.</summary>
    public Matrix? FlatPatches { get; private set; }

    /// <summary>Positions <c>[rows, C]</c>, the class token's row first where the table has one; null for none.</summary>
    public Tensor? Positions { get; private set; }

    /// <summary>The norm before the first block; null for none.</summary>
    public VisionNormWeights? PreNorm { get; private set; }

    /// <summary>The norm behind the last block; null where it was not asked for.</summary>
    public VisionNormWeights? PostNorm { get; private set; }

    /// <summary>The blocks that were loaded.</summary>
    public IReadOnlyList<VisionBlockWeights> Blocks { get; private set; } = [];

    /// <summary>All tensors by published name (without prefix), in their published shape; of matrices that are not stored dense, none.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Named => _named;

    /// <summary>Loads a transformer.</summary>
    /// <param name="source">The checkpoint; must outlive the weights, whose memory it may be.</param>
    /// <param name="prefix">What stands before the names of <paramref name="keys"/>, such as <c>vision_model.</c>.</param>
    /// <param name="keys">How the checkpoint names the tensors.</param>
    /// <param name="config">Sizes and options.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <param name="blocks">How many blocks are needed: those behind a feature layer need not exist.</param>
    /// <param name="postNorm">Whether the norm behind the last block is needed.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static VisionTransformerWeights Load(
        IWeightSource source, string prefix, VisionKeys keys, VisionTransformerConfig config, WeightPolicy policy, int blocks, bool postNorm)
    {
        VisionTransformerWeights weights = new();
        // Towers are small beside decoders and run many rows at once: they are kept in the type computed in.
        Loader load = new(weights, source, prefix, config, policy with { Storage = policy.Compute });
        try
        {
            load.Embedding(keys);
            weights.PreNorm = config.PreNorm ? load.Norm(keys.PreNorm, config.HiddenSize) : null;
            weights.PostNorm = postNorm ? load.Norm(keys.PostNorm, config.HiddenSize) : null;
            weights.Blocks = [.. Enumerable.Range(0, blocks).Select(block => load.Block(keys, $"{keys.Blocks}{block}.", block))];
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        _own.ForEach(item => item.Dispose());
        _named.ForEach(entry => entry.Tensor.Dispose());
    }

    private sealed class Loader(VisionTransformerWeights weights, IWeightSource source, string prefix, VisionTransformerConfig config, WeightPolicy policy)
    {
        public void Embedding(VisionKeys keys)
        {
            int c = config.HiddenSize, p = config.PatchSize, table = config.PositionGrid ?? config.Grid;
            weights.ClassEmbedding = config.ClassToken ? Flat(keys.ClassEmbedding, 1, c) : null;
            weights.PatchBias = config.PatchBias ? Tensor(keys.Patches + ".bias", c) : null;
            if (config.Frames > 1)
            {
                weights.FlatPatches = new DenseMatrix(Flat(keys.Patches + ".weight", c, 3 * config.Frames * p * p), weights.PatchBias);
            }
            else
            {
                weights.Patches = Tensor(keys.Patches + ".weight", c, 3, p, p);
            }

            weights.Positions = config.Positions == VisionPositions.None ? null
                : Flat(keys.Positions, (config.Positions == VisionPositions.ClassAndGrid ? 1 : 0) + (table * table), c);
        }

        public VisionBlockWeights Block(VisionKeys keys, string name, int block)
        {
            int c = config.HiddenSize, m = config.IntermediateSize, head = c / config.Heads;
            bool bias = config.QueryValueBias, fused = keys.Fused is not null;
            int window = config.WindowOf(block), relative = (2 * (window > 0 ? window : config.Grid)) - 1;
            return new VisionBlockWeights
            {
                Norm1 = Norm(name + keys.Norm1, c),
                Fused = fused ? Linear(name + keys.Fused, 3 * c, c, bias) : null,
                Query = fused ? null : Linear(name + keys.Query, c, c, bias, Within(name, keys.QueryBias)),
                Key = fused ? null : Linear(name + keys.Key, c, c, bias && config.KeyBias),
                Value = fused ? null : Linear(name + keys.Value, c, c, bias, Within(name, keys.ValueBias)),
                QueryNorm = config.QueryKeyNorm ? Norm(name + keys.QueryNorm, c) : null,
                KeyNorm = config.QueryKeyNorm ? Norm(name + keys.KeyNorm, c) : null,
                Output = Linear(name + keys.Output, c, c),
                RelativeRows = config.RelativePositions ? Tensor(name + keys.RelativeRows, relative, head) : null,
                RelativeColumns = config.RelativePositions ? Tensor(name + keys.RelativeColumns, relative, head) : null,
                Scale1 = config.LayerScale ? Tensor(name + keys.Scale1, c) : null,
                Norm2 = Norm(name + keys.Norm2, c),
                Gate = config.Gated ? Linear(name + keys.Gate, m, c) : null,
                Up = Linear(name + keys.Up, m, c),
                FeedForwardNorm = config.FeedForwardNorm ? Norm(name + keys.FeedForwardNorm, m) : null,
                Down = Linear(name + keys.Down, c, m),
                Scale2 = config.LayerScale ? Tensor(name + keys.Scale2, c) : null,
            };
        }

        public VisionNormWeights Norm(string name, int width)
            => new(Tensor(name + ".weight", width), config.Norm == VisionNorm.Layer ? Tensor(name + ".bias", width) : null);

        private static string? Within(string block, string? name) => name is null ? null : block + name;

        private Matrix Linear(string name, int outputs, int inputs, bool bias = true, string? biasName = null)
        {
            string? whole = bias ? biasName ?? name + ".bias" : null;
            if (!policy.IsQuantized(outputs, inputs))
            {
                Matrix dense = new DenseMatrix(Tensor(name + ".weight", outputs, inputs), whole is null ? null : Tensor(whole, outputs));
                return policy.Watched(source, $"{prefix}{name}.weight", dense);
            }

            Matrix matrix = policy.Quantized(source, $"{prefix}{name}.weight", whole is null ? null : prefix + whole, outputs, inputs);
            weights._own.Add(matrix);
            return matrix;
        }

        private Tensor Tensor(string name, params long[] shape)
        {
            Tensor tensor = policy.Vector(source, prefix + name, shape);
            weights._named.Add((name, tensor));
            return tensor;
        }

        // A table whose leading dimensions are spelled in several ways: [rows, width] of it.
        private Tensor Flat(string name, long rows, long width)
        {
            long[] shape = source.Describe(prefix + name).Shape;
            bool fits = shape.Aggregate(1L, (product, size) => product * size) == rows * width;
            Tensor view = Tensor(name, fits ? shape : [rows, width]).view(rows, width);
            weights._own.Add(view);
            return view;
        }
    }
}
