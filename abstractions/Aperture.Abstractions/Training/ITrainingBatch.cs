using Aperture.Decoding;
using Aperture.Sequences;

namespace Aperture.Training;

/// <summary>The labelled samples of one step: prompts with their answers, pictures in place.</summary>
public interface ITrainingBatch
{
    /// <summary>Number of samples.</summary>
    int Samples { get; }

    /// <summary>The sequence of a sample, prompt and answer.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    SequenceLayout Layout(int sample);

    /// <summary>Starts a forward of the batch from the embeddings, in the phase <see cref="DecoderPhase.Train"/>. Gradients flow unless the caller turned them off.</summary>
    /// <param name="methods">The methods that act in it, in order; borrowed. Empty for the plain decoder.</param>
    /// <returns>The forward before its first layer; the caller disposes it before the batch ends.</returns>
    /// <exception cref="ApertureException">The methods cannot work together or do not fit the model.</exception>
    IDecoderRun Begin(IReadOnlyList<IDecoderMethod> methods);
}
