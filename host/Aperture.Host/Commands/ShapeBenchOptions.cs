using Aperture.Models;

namespace Aperture.Host.Commands;

/// <summary>What the command line says about <c>bench --shape</c>.</summary>
/// <param name="Model">How the model is opened.</param>
/// <param name="Rounds">Timed rounds, after one that warms up.</param>
/// <param name="Only">Rows to measure; empty for all.</param>
/// <param name="Json">Whether the figures are written as one JSON document at the end instead of row by row.</param>
/// <param name="Checkpoint">Folder for the checkpoint of a whole model; null for the cache folder.</param>
internal sealed record ShapeBenchOptions(ModelOptions Model, int Rounds, IReadOnlyList<string> Only, bool Json, string? Checkpoint)
{
    /// <summary>Tokens of the answers that are told by stage instead of rows; null for rows.</summary>
    public int? ProfiledTokens { get; init; }
}
