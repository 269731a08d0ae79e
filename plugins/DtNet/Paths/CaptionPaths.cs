using Aperture.Plugins.DtNet.Model;

namespace Aperture.Plugins.DtNet.Paths;

/// <summary>
/// Which cells a picture passed: those whose weight reaches a threshold, and the heaviest of each stage. Two stages a layer, spatial and channel; the number
/// of passed cells lies between the number of stages and that of all cells.
/// </summary>
/// <param name="Weights">Stage by stage the weights, in the order (LMC, AMC, GMC) and (CAC, CPC).</param>
/// <param name="Threshold">The weight from which on a cell is passed.</param>
internal sealed record CaptionPaths(IReadOnlyList<float[]> Weights, double Threshold)
{
    /// <summary>Stage by stage which cells are passed.</summary>
    public IReadOnlyList<bool[]> Passed { get; } = [.. Weights.Select(stage => PassedOf(stage, Threshold))];

    /// <summary>Number of passed cells.</summary>
    public int Count => Passed.Sum(stage => stage.Count(passed => passed));

    /// <summary>Names of the heaviest cells, stage by stage.</summary>
    public IReadOnlyList<string> Path => [.. Weights.Select((stage, index) => NamesOf(index)[Heaviest(stage)])];

    /// <summary>Names of a stage's cells.</summary>
    /// <param name="stage">The stage, from 0; even ones are spatial.</param>
    public static string[] NamesOf(int stage) => stage % 2 == 0 ? EncoderLayer.SpatialCellNames : EncoderLayer.ChannelCellNames;

    private static bool[] PassedOf(float[] weights, double threshold)
    {
        int heaviest = Heaviest(weights);
        return [.. weights.Select((weight, cell) => weight >= threshold || cell == heaviest)];
    }

    private static int Heaviest(float[] weights) => Array.IndexOf(weights, weights.Max());
}
