namespace Aperture.Measuring;

/// <summary>What one stage took in a pass.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Calls">How often it was entered.</param>
/// <param name="Milliseconds">Time inside it, without stages that it called.</param>
/// <param name="Macs">Multiply-accumulates of the products that were counted in it; 0 where none are counted.</param>
/// <param name="WeightBytes">Stored bytes of the matrices that it multiplied with, once a call; 0 where they are not counted.</param>
public sealed record StageTime(ForwardStage Stage, int Calls, double Milliseconds, long Macs, long WeightBytes);
