using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth;

/// <summary>A module that names the tensors it owns.</summary>
internal interface INamedWeights : IDisposable
{
    /// <summary>All tensors by published name; borrowed.</summary>
    IEnumerable<(string Name, Tensor Tensor)> Named { get; }
}
