using Aperture.Decoding;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth;

/// <summary>
/// Weights as a module in the element type and on the device of whatever rows meet them, made once for each. Safe for several threads. Gradients flow through
/// to weights that require them.
/// </summary>
/// <typeparam name="T">The module.</typeparam>
/// <param name="weights">The weights; owned where <paramref name="owns"/>.</param>
/// <param name="load">Makes the module.</param>
/// <param name="owns">Whether the weights are disposed with this.</param>
internal sealed class TypedWeights<T>(IWeightSource weights, Func<IWeightSource, WeightPolicy, T> load, bool owns = true) : IDisposable
    where T : class, INamedWeights
{
    private readonly Lock _gate = new();
    private readonly Dictionary<(ScalarType Type, TorchSharp.DeviceType Device, int Index), T> _made = [];

    /// <summary>The module for some rows; borrowed.</summary>
    public T For(Tensor like) => For(like.dtype, like.device);

    /// <summary>The module as a checkpoint's weights are checked: float32 on the CPU; borrowed.</summary>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public T Checked() => For(ScalarType.Float32, CPU);

    public void Dispose()
    {
        foreach (T module in _made.Values)
        {
            module.Dispose();
        }

        _made.Clear();
        if (owns)
        {
            weights.Dispose();
        }
    }

    private T For(ScalarType type, Device device)
    {
        lock (_gate)
        {
            (ScalarType, TorchSharp.DeviceType, int) key = (type, device.type, device.index);
            if (!_made.TryGetValue(key, out T? module))
            {
                module = load(weights, new WeightPolicy(device, type, type));
                foreach ((_, Tensor tensor) in module.Named)
                {
                    tensor.DetachFromDisposeScope(); // it stays for later requests
                }

                _made[key] = module;
            }

            return module;
        }
    }
}
