using System.Text.Json;
using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins.DyVte.Analysis;
using Aperture.Requests;
using Aperture.Sampling;

namespace Aperture.Plugins.DyVte.Tests.Analysis;

/// <summary>The analysis on the shipped small model.</summary>
public sealed class AttentionAnalysisTests : IDisposable
{
    private static readonly IReadOnlyList<QuestionItem> _items
        = [.. QuestionFile.Read(Repository.Path("scripts", "data", "shelf-eval", "questions.jsonl"), needAnswers: true).Take(6)];

    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-analysis").FullName;
    private readonly OpenedModel _opened = new(Repository.Path("scripts", "models", "tiny-llava"));
    private readonly SampledModel _model;

    public AttentionAnalysisTests() => _model = new SampledModel(_opened.Model, _items);

    public void Dispose()
    {
        _model.Dispose();
        _opened.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Fact]
    public void Shares_of_every_group_of_rows_add_up_to_one()
    {
        AnalysisReport report = Run(new AnalysisOptions { Sweep = false });

        foreach (double[] row in report.Metric("mass").Mean)
        {
            Assert.Equal(1, row[0], 4);
            Assert.Equal(1, row[1] + row[2], 4);
            Assert.Equal(1, row[3] + row[4] + row[5], 4);
            Assert.Equal(1, row[6] + row[7] + row[8], 4);
        }

        Assert.Null(report.Sweep);
    }

    [Fact]
    public void Entropies_differ_behind_the_exit_only()
    {
        AnalysisReport report = Run(new AnalysisOptions { Sweep = false, ExitLayer = 2 });

        double[] whole = report.Metric("entropy").Column("X"), exit = report.Metric("entropyWithExit").Column("X");
        Assert.Equal(whole[..3], exit[..3]);
        Assert.All(Enumerable.Range(3, 5), layer => Assert.NotEqual(whole[layer], exit[layer]));
        Assert.All(report.Metric("updateNorm").Column("V"), value => Assert.True(value > 0));
    }

    [Fact]
    [Trait("Category", "Process")] // Starts none, but keeps this one busy for long.
    public void Teacher_forcing_tells_which_exits_change_the_answer()
    {
        ExitSweep sweep = Run(new AnalysisOptions()).Sweep!;

        Assert.Equal(Enumerable.Range(0, 8), sweep.Layers);
        for (int i = 0; i < _items.Count; i++)
        {
            SweptSample sample = sweep.Samples[i];
            Assert.Equal((1, 1), (sample.Exits[7].Agreement, Math.Round(sample.Exits[7].CrossEntropyRatio, 5)));
            foreach (int layer in sweep.Layers)
            {
                string answer = Answer(i, layer);
                Assert.Equal(sample.Exits[layer].SameAnswer, answer == sample.Answer);
                Assert.Equal(sample.Exits[layer].Right, string.Equals(answer, _items[i].Answer, StringComparison.OrdinalIgnoreCase));
            }

            Assert.All(sample.Exits.Skip(sample.StableFrom!.Value), exit => Assert.True(exit.SameAnswer));
            Assert.True(sample.StableFrom == 0 || !sample.Exits[sample.StableFrom.Value - 1].SameAnswer);
        }

        Assert.Equal(_items.Count, sweep.StableHistogram.Sum());
        Assert.True(sweep.SameAnswer[0] < sweep.SameAnswer[7]);
    }

    [Fact]
    public async Task The_command_writes_files_and_shows_a_table_and_charts()
    {
        CommandRecord record = new(_model, ("questions", "any"), ("samples", "0"), ("head-reduce", "max"), ("sweep-layers", "1,5-7"), ("output", _folder));

        Assert.Equal(0, await new AnalyzeCommand().RunAsync(record, CancellationToken.None));

        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder, "analysis.json")));
        Assert.Equal("dyvte-analysis", json.RootElement.GetProperty("format").GetString());
        Assert.Equal(4, json.RootElement.GetProperty("exits").GetProperty("sameAnswer").GetArrayLength());
        Assert.Equal(1 + (8 * ((3 * 9) + (2 * 4) + (2 * 2))), File.ReadAllLines(Path.Combine(_folder, "metrics.csv")).Length);
        Assert.Equal(5, File.ReadAllLines(Path.Combine(_folder, "exits.csv")).Length);
        Assert.Equal(1 + _items.Count, File.ReadAllLines(Path.Combine(_folder, "samples.csv")).Length);
        Assert.Equal(["attention.png", "entropy.png", "exits.png", "updates.png"], record.Charts.Keys.Order());
        Assert.Equal([1, 5, 6, 7], record.Charts["exits.png"].Series[0].X);
        CommandTable table = Assert.Single(record.Tables);
        Assert.Equal(8, table.Rows.Count);
        Assert.All(table.Rows, row => Assert.Equal(table.Heads.Count, row.Count));
        Assert.Equal(8, record.Lines.Count(line => line.StartsWith("wrote ", StringComparison.Ordinal)));
        Assert.Equal(("questions", 3 * _items.Count, 3 * _items.Count), record.Reports[^1]);
    }

    [Theory]
    [InlineData("head-reduce", "median", "give mean or max")]
    [InlineData("sweep-layers", "7-5", "give layers such as")]
    [InlineData("sweep-layers", "1,two", "give layers such as")]
    [InlineData("sweep-layers", "8", "layers 0 to 7")]
    [InlineData("exit", "8", "layers 0 to 7")]
    public async Task Wrong_values_are_named(string name, string value, string told)
    {
        CommandRecord record = new(_model, ("questions", "any"), ("samples", "1"), ("head-reduce", "mean"), (name, value));

        ApertureException error = await Assert.ThrowsAsync<ApertureException>(() => new AnalyzeCommand().RunAsync(record, CancellationToken.None));

        Assert.Contains(told, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Questions_without_pictures_are_named()
    {
        QuestionItem blind = _items[0] with { Image = null };

        Assert.Contains("has no picture", Assert.Throws<ApertureException>(() => new SampledModel(_opened.Model, [blind])).Message, StringComparison.Ordinal);
    }

    [Fact]
    [Trait("Category", "Process")] // Starts none, but keeps this one busy for long.
    public void An_analysis_leaves_no_tensor_behind()
    {
        Run(new AnalysisOptions());

        LiveTensors.MustNotGrow(() => Run(new AnalysisOptions()));
    }

    private AnalysisReport Run(AnalysisOptions options) => AttentionAnalysis.Run(_model, options, null, CancellationToken.None);

    // The answer with an exit, by generating it.
    private string Answer(int sample, int layer)
    {
        using ForcedExit exit = new(layer);
        return _model.Text(_model.Answer(sample, [exit], 16, CancellationToken.None));
    }
}
