namespace Aperture.Quantizing;

/// <summary>How far the quantising of a checkpoint is.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Done">Units done of it.</param>
/// <param name="Total">Units in all.</param>
public sealed record QuantizeProgress(string Stage, long Done, long Total);
