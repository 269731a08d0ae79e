using System.Text.Json;
using Aperture.Comparing;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>Batches of questions side by side: what is counted, what the figures mean, and what is refused.</summary>
[Collection(WholeProcess.Name)]
public sealed class BatchMeasurerTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly MeasureOptions _options = new() { Runs = 2, Generation = new() { MaxNewTokens = 3 } };

    [Fact]
    public async Task Every_pipeline_answers_batches_of_every_size_and_none_is_added()
    {
        await using EngineSession session = small.Open();
        int rows = 0;
        BeforeLayerHook count = (context, _) =>
        {
            rows += context.Phase == DecoderPhase.Decode ? context.Samples : 0;
            return null;
        };
        Pipeline pipeline = session.Load(small.Folder).With(new LambdaMethod(
            "counting", sites => sites.BeforeLayer(1, DecoderPhase.Prefill | DecoderPhase.Decode, count)));
        List<double> told = [];

        BatchComparison comparison = BatchMeasurer.Compare([pipeline], Image.Load(small.Picture), "abc?", [1, 3], _options, new Told(told.Add));

        Assert.Equal([("none", 1), ("counting", 1), ("none", 3), ("counting", 3)], comparison.Rows.Select(row => (row.Label, row.Batch)));
        Assert.Equal((_options.Runs + 1) * 2 * (1 + 3), rows); // two tokens after the first, of every answer of every run
        Assert.All(comparison.Rows, row => Assert.True(row.FirstToken > 0 && row.Step > 0 && row.Whole >= row.FirstToken, row.ToString()));
        Assert.Equal(comparison.Rows[0].CacheBytes * 3, comparison.Rows[2].CacheBytes);
        Assert.Equal(1, told[^1]);
        Assert.Contains("every answer has 3 tokens", comparison.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Rates_and_notes_follow_from_the_times()
    {
        BatchMeasurement Row(string label, int batch, double whole) => new(label, batch, whole / 2, 4, whole, 1024);
        BatchComparison comparison = new("?", "model", MeasuredOn.Of(new Ops(CPU, ScalarType.Float32, 1)), 8,
            [Row("none", 1, 100), Row("fast", 1, 50), Row("none", 4, 200), Row("fast", 4, 250)]);

        Assert.Equal((20, 250), (comparison.Rows[1].AnswersPerSecond, comparison.Rows[1].TokensPerSecond));
        Assert.Equal(2, comparison.OfNone(comparison.Rows[1]));
        Assert.Equal(0.8, comparison.OfNone(comparison.Rows[3]), 12);
        Assert.Equal(2, comparison.OfOne(comparison.Rows[2]));
        Assert.Equal("slower than none at batch 4: fast 0.80", Assert.Single(comparison.Notes));
        Assert.Equal("", comparison.Cells[1][0]);
        using JsonDocument json = JsonDocument.Parse(comparison.ToJson());
        Assert.Equal(16, json.RootElement.GetProperty("rows")[3].GetProperty("answersPerSecond").GetDouble());
    }

    [Fact]
    public async Task Sizes_out_of_range_are_refused()
    {
        await using EngineSession session = small.Open();
        Pipeline pipeline = session.Load(small.Folder);
        string Refusal(params int[] batches)
            => Assert.Throws<ApertureException>(() => BatchMeasurer.Compare([pipeline], null, "abc?", batches, _options)).Message;

        Assert.Equal("A batch of 2000 questions cannot be measured; sizes are 1 to 1024.", Refusal(1, 2000));
        Assert.Equal("A batch of 0 questions cannot be measured; sizes are 1 to 1024.", Refusal(0));
        Assert.Contains("at least one batch size", Refusal());
    }

    private sealed class Told(Action<double> add) : IProgress<double>
    {
        public void Report(double value) => add(value);
    }
}
