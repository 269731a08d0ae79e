using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>How models of a family are trained, in what differs from family to family.</summary>
public interface IModelTraining
{
    /// <summary>Whether the decoder's parameters may be unfrozen; where not, only the projector's.</summary>
    bool TrainsDecoder { get; }

    /// <summary>Rows of every sequence: shorter ones are padded, longer ones cut, and hooks see the padding. 0 where sequences keep their lengths.</summary>
    int Rows { get; }

    /// <summary>The id whose embedding fills shorter sequences.</summary>
    int PadId { get; }

    /// <summary>Writes what was trained so that it opens like what it came from.</summary>
    /// <param name="saving">What was changed and where it goes.</param>
    /// <returns>Full paths of the files.</returns>
    /// <exception cref="ApertureException">It would be written over the model it comes from, or the disk refuses.</exception>
    IReadOnlyList<string> Save(TrainedModel saving);
}

/// <summary>A trained model that is to be written.</summary>
/// <param name="Source">The folder it was opened from.</param>
/// <param name="Target">The folder it goes to; created if absent.</param>
/// <param name="Changed">Changed parameters of decoder and projector, by canonical name; borrowed.</param>
/// <param name="Added">Further tensors, by the names they get; borrowed. They replace tensors of the same name.</param>
/// <param name="IsLeft">Canonical names that the result does without.</param>
public sealed record TrainedModel(
    string Source, string Target, IReadOnlyDictionary<string, Tensor> Changed, IReadOnlyDictionary<string, Tensor> Added, Func<string, bool> IsLeft);
