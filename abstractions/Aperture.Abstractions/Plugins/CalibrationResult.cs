namespace Aperture.Plugins;

/// <summary>What a calibration gave.</summary>
/// <param name="Summary">Lines to show: what was found and how well it meets the goal.</param>
/// <param name="Files">Full paths of the files that were written.</param>
public sealed record CalibrationResult(IReadOnlyList<string> Summary, IReadOnlyList<string> Files);
