using Aperture.Models;

namespace Aperture.Plugins.Llava;

/// <summary>
/// Training of decoder and projector over a frozen tower, as LLaVA-1.5's second stage does it; the result is a whole checkpoint in the layout it came from.
/// </summary>
/// <param name="keys">Where the checkpoint keeps its parts.</param>
internal sealed class LlavaTraining(LlavaKeys keys) : IModelTraining
{
    public bool TrainsDecoder => true;

    public int Rows => 0;

    public int PadId => 0;

    public IReadOnlyList<string> Save(TrainedModel saving) => CheckpointCopy.Write(saving, keys.Canonical);
}
