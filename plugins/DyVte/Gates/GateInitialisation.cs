using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Gates;

/// <summary>Fresh gates as the official initialisation makes them: Glorot uniform with gain 1 for both matrices.</summary>
internal static class GateInitialisation
{
    /// <summary>The official hidden width.</summary>
    public const int DefaultHidden = 2048;

    /// <summary>Gates of all layers under their published names, float32; the caller disposes them.</summary>
    /// <param name="layers">Layers.</param>
    /// <param name="inputs">Width of the gate input.</param>
    /// <param name="hidden">Hidden width.</param>
    /// <param name="seed">Seed.</param>
    public static Dictionary<string, Tensor> Create(int layers, int inputs, int hidden, long seed)
    {
        using Generator generator = new((ulong)seed, CPU);
        Dictionary<string, Tensor> gates = new(StringComparer.Ordinal);
        for (int layer = 0; layer < layers; layer++)
        {
            gates[GateKeys.First(GateKeys.Published, layer)] = Uniform(hidden, inputs, generator);
            gates[GateKeys.Second(GateKeys.Published, layer)] = Uniform(2, hidden, generator);
        }

        return gates;
    }

    /// <summary>Largest absolute value of a matrix: <c>sqrt(6 / (in + out))</c>.</summary>
    public static double Bound(int outputs, int inputs) => Math.Sqrt(6.0 / (outputs + inputs));

    private static Tensor Uniform(int outputs, int inputs, Generator generator)
    {
        using DisposeScope scope = NewDisposeScope();
        double bound = Bound(outputs, inputs);
        return rand([outputs, inputs], generator: generator).mul(2 * bound).sub(bound).DetachFromDisposeScope();
    }
}
