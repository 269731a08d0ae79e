using Aperture.Comparing;

namespace Aperture.Engine.Tests.Tables;

/// <summary>What a comparison's table holds.</summary>
public sealed class ComparisonTests
{
    [Fact]
    public void The_usual_columns_are_those_that_most_questions_are_about()
        => Assert.Equal(["pipeline", "answer", "tokens", "FLOPs %", "prefill", "per token", "KV"], SampleTables.Comparison.Heads);

    [Fact]
    public void Wide_has_the_rest_too()
    {
        Comparison wide = SampleTables.Comparison.Wide;
        Assert.Equal(
            [
                "pipeline", "answer", "tokens", "by layer", "FLOPs %", "GFLOPs", "FastV GFLOPs", "vision", "projector", "prefill", "method hooks", "per token",
                "KV", "peak memory",
            ],
            wide.Heads);
        Assert.Equal(
            [
                "fitprune(Reduction=0.6, ScaleToLayers=true)", "a blue shirt, and to its right a bag", "66.0", "144 80×2 41 40 11", "56.7", "1.360", "1.224",
                "3.12", "0.50", "27.50", "1.25", "1.75", "464.1 KB", "11.8 MB",
            ],
            wide.Cells[2]);
        Assert.Equal("–", (wide with { Rows = [wide.Rows[0] with { PeakMemory = null }] }).Cells[0][^1]);
    }

    [Fact]
    public void A_pipeline_that_is_slower_than_none_says_so()
    {
        Comparison comparison = SampleTables.Comparison;
        Assert.Equal(
            ["slower to the first token than none (28.12 ms): fitprune(Reduction=0.6, ScaleToLayers=true) 31.12"], comparison.Notes);
        Assert.Contains(comparison.Notes[0], comparison.ToString().ReplaceLineEndings(" "), StringComparison.Ordinal);
        Assert.Empty((comparison with { Rows = [.. comparison.Rows.Take(2)] }).Notes);
        Assert.Empty((comparison with { Rows = [.. comparison.Rows.Skip(1)] }).Notes);
    }
}
