using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>Turns a vision encoder's features into rows of a decoder's width. Owns its weights. Calls come from one thread at a time.</summary>
public interface IProjector : IDisposable
{
    /// <summary>Projects the features of one picture.</summary>
    /// <param name="features">The features; borrowed.</param>
    /// <returns>The tokens with their segments; the caller disposes them.</returns>
    VisualTokens Project(VisionFeatures features);

    /// <summary>Multiply-accumulates of projecting some feature rows.</summary>
    /// <param name="rows">Number of rows.</param>
    long Macs(int rows);

    /// <summary>All tensors by the name that a training of this model gives them; borrowed.</summary>
    IEnumerable<(string Name, Tensor Tensor)> Named();

    /// <summary>The same projector over other parameters, as training needs it: gradients flow back to them.</summary>
    /// <param name="parameters">Tensors under the names of <see cref="Named"/>, in the type computed in.</param>
    /// <returns>The projector; the caller disposes it.</returns>
    IProjector Over(IWeightSource parameters);
}
