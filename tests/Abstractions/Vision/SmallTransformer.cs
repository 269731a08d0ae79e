using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Vision;

/// <summary>A vision transformer of a few hundred random weights, and pictures for it. Owns its parts.</summary>
internal sealed class SmallTransformer : IDisposable
{
    private readonly TensorWeights _weights;
    private readonly Ops _ops = new(CPU, ScalarType.Float32, threads: 1);

    public SmallTransformer(VisionTransformerConfig config, VisionKeys keys)
    {
        _weights = Random(config, keys);
        VisionTransformerWeights loaded = VisionTransformerWeights.Load(
            _weights, "", keys, config, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), config.Layers, postNorm: false);
        Trunk = new VisionTransformer(config, loaded, _ops);
    }

    /// <summary>CLIP with three blocks and a grid of 4 by 4.</summary>
    public static VisionTransformerConfig Clip { get; } = new() { HiddenSize = 8, IntermediateSize = 12, Layers = 3, Heads = 2, ImageSize = 16, PatchSize = 4 };

    public VisionTransformer Trunk { get; }

    /// <summary>SAM with one block on a grid of 4 by 4, in windows of a side, or everywhere with 0.</summary>
    public static VisionTransformerConfig Sam(int window) => SamVision.Options(Clip with { Layers = 1 }, window, []);

    /// <summary>Normalised pixels <c>[batch, 3, 16, 16]</c>; the caller disposes them.</summary>
    public static Tensor Pixels(int batch = 1, int seed = 7)
    {
        using Generator generator = new((ulong)seed);
        return randn([batch, 3, 16, 16], generator: generator);
    }

    /// <summary>Runs with the state behind the last block.</summary>
    public VisionRun Run(Tensor pixels, VisionTrunkHooks? hooks = null) => Trunk.Run(pixels, new VisionRequest { Hooks = hooks }, CancellationToken.None);

    public void Dispose()
    {
        Trunk.Dispose();
        _ops.Dispose();
        _weights.Dispose();
    }

    private static TensorWeights Random(VisionTransformerConfig config, VisionKeys keys)
    {
        using Generator generator = new(3);
        Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
        int c = config.HiddenSize, m = config.IntermediateSize, p = config.PatchSize, head = c / config.Heads;
        void Add(string name, params long[] shape)
        {
            using Tensor values = randn(shape, generator: generator);
            tensors[name] = values.mul(0.5).DetachFromDisposeScope();
        }

        void Both(string name, params long[] shape)
        {
            Add(name + ".weight", shape);
            Add(name + ".bias", shape[0]);
        }

        Add(keys.ClassEmbedding.Length > 0 ? keys.ClassEmbedding : "none", c);
        Both(keys.Patches, c, 3, p, p);
        Add(keys.Positions, (config.Positions == VisionPositions.ClassAndGrid ? 1 : 0) + (config.Grid * config.Grid), c);
        Both(keys.PreNorm, c);
        for (int block = 0; block < config.Layers; block++)
        {
            string name = $"{keys.Blocks}{block}.";
            foreach (string norm in (string[])[keys.Norm1, keys.Norm2])
            {
                Both(name + norm, c);
            }

            foreach (string matrix in (string[])[keys.Query, keys.Key, keys.Value, keys.Output])
            {
                Both(name + matrix, c, c);
            }

            Both(name + (keys.Fused ?? "none"), 3 * c, c);
            Both(name + keys.Up, m, c);
            Both(name + keys.Down, c, m);
            int side = config.WindowOf(block) is var window and > 0 ? window : config.Grid;
            Add(name + "attn.rel_pos_h", (2 * side) - 1, head);
            Add(name + "attn.rel_pos_w", (2 * side) - 1, head);
        }

        return new TensorWeights(tensors);
    }
}
