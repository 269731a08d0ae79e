using Aperture.Models;

namespace Aperture.Plugins.FlashSloth.Family;

/// <summary>Training of decoder, projector and queries over a frozen tower; the result is a whole checkpoint in the published layout.</summary>
/// <param name="canonical">The canonical name of a name in the checkpoint.</param>
internal sealed class FlashSlothModelTraining(Func<string, string> canonical) : IModelTraining
{
    public bool TrainsDecoder => true;

    public int Rows => 0;

    public int PadId => 0;

    public IReadOnlyList<string> Save(TrainedModel saving) => CheckpointCopy.Write(saving, canonical);
}
