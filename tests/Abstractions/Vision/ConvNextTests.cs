using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Vision;

/// <summary>ConvNeXt's sizes, callbacks and ownership; its numbers are held against recorded ones elsewhere.</summary>
[Collection("tensors")]
public sealed class ConvNextTests
{
    private static readonly ConvNextConfig _small = new() { Depths = [1, 2], Widths = [4, 6] };

    [Fact]
    public void The_published_sizes_cost_what_is_published()
    {
        // Liu et al. and the LLaVA-HR paper's towers: 718 and 3167 GMAC at 1024 pixels.
        Assert.Equal(718, Math.Round(ConvNextConfig.Large.Macs(1024, 1024) / 1e9));
        Assert.Equal(3167, Math.Round(ConvNextConfig.ExtraExtraLarge.Macs(1024, 1024) / 1e9));
        Assert.Equal(32, ConvNextConfig.Large.Stride);
    }

    [Fact]
    public void A_callback_behind_a_block_changes_what_follows()
    {
        using TensorWeights weights = Random();
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using ConvNext trunk = Load(weights, ops);
        using Tensor pixels = randn(1, 3, 16, 24);
        List<(int Stage, int Block)> seen = [];

        IReadOnlyList<Tensor> plain = trunk.Run(pixels, null, CancellationToken.None);
        IReadOnlyList<Tensor> changed = trunk.Run(pixels, (stage, block, map) => Change(stage, block, map), CancellationToken.None);

        Assert.Equal([(0, 0), (1, 0), (1, 1)], seen);
        Assert.Equal([1L, 6L, 2L, 3L], plain[2].shape);
        Assert.True(plain[1].allclose(changed[1]));
        Assert.False(plain[2].allclose(changed[2]));
        foreach (Tensor map in plain.Concat(changed))
        {
            map.Dispose();
        }

        Tensor? Change(int stage, int block, Tensor map)
        {
            seen.Add((stage, block));
            return (stage, block) == (1, 0) ? map.mul(2) : null;
        }
    }

    [Fact]
    public void Nothing_stays_alive_behind_a_run()
    {
        using TensorWeights weights = Random();
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using ConvNext trunk = Load(weights, ops);
        using Tensor pixels = randn(1, 3, 16, 16);
        void Run()
        {
            foreach (Tensor map in trunk.Run(pixels, (_, _, map) => map.neg(), CancellationToken.None))
            {
                map.Dispose();
            }
        }

        Run();
        LiveTensors.MustNotGrow(Run);
    }

    private static ConvNext Load(TensorWeights weights, Ops ops)
        => new(_small, ConvNextWeights.Load(weights, "", _small, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32)), ops);

    private static TensorWeights Random()
    {
        using Generator generator = new(3);
        Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
        void Both(string name, params long[] shape)
        {
            tensors[name + ".weight"] = randn(shape, generator: generator).DetachFromDisposeScope();
            tensors[name + ".bias"] = randn([shape[0]], generator: generator).DetachFromDisposeScope();
        }

        Both("stem.0", 4, 3, 4, 4);
        Both("stem.1", 4);
        Both("stages.1.downsample.0", 4);
        Both("stages.1.downsample.1", 6, 4, 2, 2);
        foreach ((int stage, int block, int c) in new[] { (0, 0, 4), (1, 0, 6), (1, 1, 6) })
        {
            string name = $"stages.{stage}.blocks.{block}.";
            Both(name + "conv_dw", c, 1, 7, 7);
            Both(name + "norm", c);
            Both(name + "mlp.fc1", 4 * c, c);
            Both(name + "mlp.fc2", c, 4 * c);
            tensors[name + "gamma"] = randn([c], generator: generator).DetachFromDisposeScope();
        }

        return new TensorWeights(tensors);
    }
}
