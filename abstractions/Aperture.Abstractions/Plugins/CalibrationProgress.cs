namespace Aperture.Plugins;

/// <summary>How far a calibration is.</summary>
/// <param name="Stage">What is being done, in a few words.</param>
/// <param name="Done">Forwards done in this stage.</param>
/// <param name="Total">Forwards of this stage.</param>
public sealed record CalibrationProgress(string Stage, int Done, int Total);
