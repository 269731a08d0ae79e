using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Vision;

/// <summary>A vision transformer over a case's weights, in float32 on one thread.</summary>
internal sealed class RecordedTrunk : IDisposable
{
    private readonly Ops _ops = new(CPU, ScalarType.Float32, threads: 1);

    public RecordedTrunk(GoldenCase golden, string prefix, VisionKeys keys, VisionTransformerConfig config, bool postNorm = false, string? part = null)
    {
        VisionTransformerWeights weights = VisionTransformerWeights.Load(golden.Weights(part), prefix, keys, config, Policy, config.Layers, postNorm);
        Tower = new VisionTransformer(config, weights, _ops);
    }

    public static WeightPolicy Policy { get; } = new(CPU, ScalarType.Float32, ScalarType.Float32);

    public VisionTransformer Tower { get; }

    /// <summary>Runs with every hidden state.</summary>
    /// <param name="pixels"><c>[batch, 3, height, width]</c>; borrowed.</param>
    /// <param name="hooks">Callbacks; null for none.</param>
    public VisionRun Run(Tensor pixels, VisionTrunkHooks? hooks = null)
    {
        HashSet<int> all = [.. Enumerable.Range(0, Tower.Config.Layers + 1)];
        return Tower.Run(pixels, new VisionRequest { HiddenStates = all, Hooks = hooks }, CancellationToken.None);
    }

    /// <summary>Compares all hidden states with <c>{name}.0</c> to <c>{name}.{layers}</c>, those that are recorded.</summary>
    public static void CompareStates(GoldenCase golden, VisionRun run, string name)
    {
        foreach ((int layer, VisionState state) in run.States)
        {
            if (golden.Has($"{name}.{layer}"))
            {
                golden.Compare($"{name}.{layer}", state.Rows);
            }
        }
    }

    public void Dispose()
    {
        Tower.Dispose();
        _ops.Dispose();
    }
}
