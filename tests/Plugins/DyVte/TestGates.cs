using Aperture.Plugins.DyVte.Gates;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Tests;

/// <summary>Gates for the small model (4 layers, width 32) whose answers a test chooses.</summary>
internal static class TestGates
{
    public const int Layers = 4;
    public const int Width = 32;

    /// <summary>Random gates of some hidden width.</summary>
    public static GateSet Random(long seed, int hidden = 16)
        => new(new GateTensors(GateInitialisation.Create(Layers, 2 * Width, hidden, seed)), GateKeys.Published, 2 * Width);

    /// <summary>Random gates with the outputs of layers exchanged where that makes them keep or fire on the features seen.</summary>
    /// <param name="log">A run with the same gates in which none fired.</param>
    /// <param name="seed">The seed of that run's gates.</param>
    /// <param name="fires">Whether a layer's gate is to fire on sample 0.</param>
    public static GateSet Deciding(ExitLog log, long seed, Func<int, bool> fires)
    {
        Dictionary<string, Tensor> gates = GateInitialisation.Create(Layers, 2 * Width, 16, seed);
        for (int layer = 0; layer < Layers; layer++)
        {
            float[] logits = log.Logits[(layer, 0)];
            if ((logits[1] > logits[0]) != fires(layer))
            {
                string name = GateKeys.Second(GateKeys.Published, layer);
                using Tensor old = gates[name];
                gates[name] = old.flip(0);
            }
        }

        return new GateSet(new GateTensors(gates), GateKeys.Published, 2 * Width);
    }
}
