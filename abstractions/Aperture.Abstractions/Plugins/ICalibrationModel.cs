using Aperture.Decoding;

namespace Aperture.Plugins;

/// <summary>A model together with the samples that a method is fitted on.</summary>
public interface ICalibrationModel
{
    /// <summary>Sizes of the decoder.</summary>
    DecoderInfo Decoder { get; }

    /// <summary>Number of samples: pictures with a question, no answer appended.</summary>
    int Samples { get; }

    /// <summary>The folder that fitted files are written into by default: the model's own unless the user named another.</summary>
    string OutputFolder { get; }

    /// <summary>A name by which a sample is recognised when interrupted work goes on.</summary>
    /// <param name="sample">Index of the sample.</param>
    string SampleId(int sample);

    /// <summary>Runs the prompt of one sample, alone in its batch, through the otherwise unchanged model with a reducer. Nothing is generated.</summary>
    /// <param name="sample">Index of the sample.</param>
    /// <param name="reducer">
    /// What acts in the decoder; borrowed, <see cref="ITokenReducer.Declare"/> and <see cref="IDecoderMethod.Begin"/> are called as in any pipeline.
    /// </param>
    /// <param name="cancellationToken">Checked between layers.</param>
    void RunPrefill(int sample, ITokenReducer reducer, CancellationToken cancellationToken);
}
