using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Gates;

/// <summary>
/// The gates of a model. They stay in their file until a layer's gate is first asked; then they move to where the rows are and stay there, or, placed on the
/// host, travel anew each time. Safe for several threads. Owns its source.
/// </summary>
internal sealed class GateSet : IDisposable
{
    private readonly IWeightSource _source;
    private readonly string _prefix;
    private readonly bool _onHost;
    private readonly bool _single;
    private readonly TensorCache<(string Name, ScalarType Type, TorchSharp.DeviceType Device, int Index)> _placed = new();

    /// <summary>Gates of a checkpoint whose shapes have been checked (<see cref="GateShapes"/>).</summary>
    /// <param name="source">The checkpoint; owned.</param>
    /// <param name="prefix">What stands before a layer's number in its names.</param>
    /// <param name="inputs">Width of the gate input.</param>
    /// <param name="onHost">Whether the weights stay in main memory.</param>
    /// <param name="single">Whether gates compute in float32; else in the rows' type.</param>
    public GateSet(IWeightSource source, string prefix, int inputs, bool onHost = false, bool single = false)
    {
        _source = source;
        _prefix = prefix;
        _onHost = onHost;
        _single = single;
        Inputs = inputs;
    }

    /// <summary>Width of the gate input.</summary>
    public int Inputs { get; }

    /// <summary>The two logits of a layer's gate, keep and exit.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="features">Gate inputs <c>[samples, inputs]</c>; borrowed.</param>
    /// <returns>float32 <c>[samples, 2]</c> on the features' device; the caller disposes it.</returns>
    public Tensor Logits(int layer, Tensor features)
    {
        ScalarType type = _single ? ScalarType.Float32 : features.dtype;
        if (_onHost)
        {
            using Tensor w1 = Placed(GateKeys.First(_prefix, layer), type, features.device), w2 = Placed(
                GateKeys.Second(_prefix, layer), type, features.device);
            return Run(features, w1, w2);
        }

        return Run(features, Kept(GateKeys.First(_prefix, layer), type, features), Kept(GateKeys.Second(_prefix, layer), type, features));
    }

    /// <summary>Multiply-accumulates of one evaluation.</summary>
    /// <param name="layer">The layer.</param>
    public long Macs(int layer)
    {
        long hidden = _source.Describe(GateKeys.First(_prefix, layer)).Shape[0];
        return hidden * (Inputs + 2);
    }

    /// <summary>Disposes the gates and their source.</summary>
    public void Dispose()
    {
        _placed.Dispose();
        _source.Dispose();
    }

    private static Tensor Run(Tensor features, Tensor w1, Tensor w2)
    {
        using Tensor logits = Gate.Run(features, w1, w2);
        return logits.to_type(ScalarType.Float32);
    }

    private Tensor Kept(string name, ScalarType type, Tensor features)
        => _placed.Get((name, type, features.device_type, features.device_index), key => Placed(key.Name, key.Type, features.device));

    private Tensor Placed(string name, ScalarType type, Device device)
    {
        Tensor stored = _source.Load(name);
        if (stored.dtype == type && device.type == TorchSharp.DeviceType.CPU)
        {
            return stored;
        }

        using (stored)
        {
            return stored.to(type, device);
        }
    }
}
