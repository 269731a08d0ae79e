using System.Text.Json;
using Aperture.Comparing;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Requests;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>A first and a later question side by side: what is counted, and what is told.</summary>
[Collection(WholeProcess.Name)]
public sealed class LaterMeasurerTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    [Fact]
    public async Task Rows_and_pictures_of_first_and_later_questions_are_counted_in_every_run_alike()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Pipeline[] pipelines = [plain, plain.With("pooling", new { Tokens = 12 }), plain.With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } })];
        MeasureOptions options = new() { Runs = 2, Generation = new() { MaxNewTokens = 3 } };
        int rows = (await plain.Ask(Image.Load(small.Picture), "and this?", options.Generation)).PromptTokens;

        LaterComparison comparison = LaterMeasurer.Compare(pipelines, Image.Load(small.Picture), "abc?", "and this?", options);

        Assert.Equal(9, comparison.Rows.Count);
        AskedAs[] each = [AskedAs.Afresh, AskedAs.First, AskedAs.Later];
        Assert.Equal([.. each, .. each, .. each], comparison.Rows.Select(row => row.Asked));
        Assert.Equal([1, 1, 0, 1, 1, 0, 1, 1, 0], comparison.Rows.Select(row => row.Pictures));
        Assert.Equal([0, 0, 0, 0], comparison.Rows.Where((row, i) => i % 3 < 2 && i < 6).Select(row => row.Kept));
        LaterMeasurement later = comparison.Rows[2];
        Assert.Equal((rows, rows), (comparison.Rows[0].Rows, later.Rows + later.Kept));
        Assert.True(later.Kept > 16 && later.Rows < 30);
        Assert.Equal((0, rows), (comparison.Rows[8].Kept, comparison.Rows[8].Rows));
        Assert.Equal((0.0, true), (later.Times.Vision, later.Times.Prefill > 0));
        Assert.Equal(comparison.Rows[0].Answer, later.Answer);
        Assert.Equal(0, session.KeptOf(plain.Model).Bytes); // what it kept was its own
        Assert.Contains("fitprune", Assert.Single(comparison.Notes), StringComparison.Ordinal);
        Assert.Contains("first: abc?", comparison.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Ratios_and_notes_follow_from_the_rows()
    {
        LaterMeasurement Row(AskedAs asked, int kept, double prefill, string answer)
            => new("none", asked, 10, kept, 1, new StageTimes(5, 1, prefill, 0, 2), answer);
        LaterComparison comparison = new("one", "two", "model", MeasuredOn.Of(new Ops(CPU, ScalarType.Float32, 1)),
            [Row(AskedAs.Afresh, 0, 94, "a"), Row(AskedAs.First, 0, 99, "b"), Row(AskedAs.Later, 30, 19, "c")]);

        Assert.Equal(0.25, comparison.OfAfresh(comparison.Rows[2]), 12);
        Assert.Equal("another answer than afresh: none", Assert.Single(comparison.Notes));
        Assert.Equal(["none", "afresh", "10", "0", "1", "5.0", "94.0", "100.0", "", "a"], comparison.Cells[0]);
        Assert.Equal(["", "later", "10", "30", "1", "5.0", "19.0", "25.0", "0.25", "c"], comparison.Cells[2]);
        using JsonDocument json = JsonDocument.Parse(comparison.ToJson());
        Assert.Equal(25, json.RootElement.GetProperty("rows")[2].GetProperty("firstTokenMs").GetDouble());
        Assert.Equal("later", json.RootElement.GetProperty("rows")[2].GetProperty("question").GetString());
    }

    [Fact]
    public void Nothing_to_compare_is_refused()
        => Assert.Equal(
            "There is nothing to compare; name at least one pipeline.",
            Assert.Throws<ApertureException>(() => LaterMeasurer.Compare([], null, "a?", "b?")).Message);
}
