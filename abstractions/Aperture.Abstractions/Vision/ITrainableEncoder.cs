using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>A vision encoder with parameters that a training may unfreeze.</summary>
public interface ITrainableEncoder : IVisionEncoder
{
    /// <summary>The tensors that may be trained, by the checkpoint's names; borrowed. What the checkpoint says is frozen is not among them.</summary>
    IEnumerable<(string Name, Tensor Tensor)> Named();

    /// <summary>The same encoder over other parameters, as training needs it: gradients flow back to them where a request is differentiable.</summary>
    /// <param name="parameters">Tensors under names of <see cref="Named"/>, in the type computed in; what is not among them stays this encoder's own.</param>
    /// <returns>The encoder; the caller disposes it before this one.</returns>
    IVisionEncoder Over(IWeightSource parameters);
}
