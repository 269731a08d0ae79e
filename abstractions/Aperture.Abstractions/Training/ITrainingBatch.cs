using Aperture.Decoding;

namespace Aperture.Training;

/// <summary>The labelled samples of one step: prompts with their answers, pictures in place.</summary>
public interface ITrainingBatch
{
    /// <summary>Number of samples.</summary>
    int Samples { get; }

    /// <summary>
    /// Starts a forward of the batch in the phase <see cref="DecoderPhase.Train"/>, with the methods' hooks on pictures run. Gradients flow unless the caller
    /// turned them off.
    /// </summary>
    /// <param name="methods">The methods that act in it, in order; borrowed. Empty for the plain decoder.</param>
    /// <returns>The forward before its first layer; the caller disposes it before the batch ends.</returns>
    /// <exception cref="ApertureException">The methods cannot work together or do not fit the model.</exception>
    IDecoderRun Begin(IReadOnlyList<IDecoderMethod> methods);
}
