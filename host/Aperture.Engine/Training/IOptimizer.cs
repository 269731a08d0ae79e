using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>Changes the parameters that it was made for by their gradients. Owns its state, borrows the parameters.</summary>
internal interface IOptimizer : IDisposable
{
    /// <summary>
    /// The state by name, for checkpoints: tensors that a step changes in place, of the same names and shapes in every optimizer made for the same
    /// parameters.
    /// </summary>
    IReadOnlyDictionary<string, Tensor> State { get; }

    /// <summary>Changes the parameters that have gradients, and clears these.</summary>
    /// <param name="rate">The learning rate.</param>
    void Step(double rate);
}
