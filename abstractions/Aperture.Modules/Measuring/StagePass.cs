namespace Aperture.Measuring;

/// <summary>The way to one token by stage: the first token's, or that of a later one.</summary>
/// <param name="Milliseconds">Wall time.</param>
/// <param name="Stages">The stages that were entered, in their order.</param>
public sealed record StagePass(double Milliseconds, IReadOnlyList<StageTime> Stages)
{
    /// <summary>The wall time outside all stages: managed code between them, and waiting.</summary>
    public double Rest => Milliseconds - Stages.Sum(stage => stage.Milliseconds);

    /// <summary>A stage; null if it was not entered.</summary>
    /// <param name="stage">Which.</param>
    public StageTime? this[ForwardStage stage] => Stages.FirstOrDefault(own => own.Stage == stage);
}
