using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Gates;

/// <summary>Gates in memory seen as a checkpoint: freshly initialised ones, or those of a training run.</summary>
/// <param name="tensors">The tensors by published name.</param>
/// <param name="owned">Whether disposing the source disposes them.</param>
internal sealed class GateTensors(IReadOnlyDictionary<string, Tensor> tensors, bool owned = true) : IWeightSource
{
    public IReadOnlyCollection<string> Names => [.. tensors.Keys];

    public bool Contains(string name) => tensors.ContainsKey(name);

    public WeightInfo Describe(string name) => new(tensors[name].dtype.ToString(), tensors[name].dtype, tensors[name].shape);

    public Tensor Load(string name) => tensors[name].alias();

    public void Dispose()
    {
        if (!owned)
        {
            return;
        }

        foreach (Tensor tensor in tensors.Values)
        {
            tensor.Dispose();
        }
    }
}
