using Aperture.Models;

namespace MyFamily;

/// <summary>Training of decoder and projector over a frozen tower; the result is a whole checkpoint in the layout it came from.</summary>
internal sealed class MyFamilyTraining : IModelTraining
{
    public bool TrainsDecoder => true;

    public int Rows => 0;

    public int PadId => 0;

    public IReadOnlyList<string> Save(TrainedModel saving) => CheckpointCopy.Write(saving, MyFamilyKeys.Canonical);
}
