using System.Text.Json;
using Aperture.Analysis;
using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Evaluation;
using Aperture.Generation;
using Aperture.Host.Tests.Data;
using Aperture.Host.Tests.Decoding;
using Aperture.Host.Tests.Plugins;
using Aperture.Scripting;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Analysis;

/// <summary>The analysis on the shipped small model.</summary>
[Collection(WholeProcess.Name)]
public sealed class AttentionAnalysisTests : IDisposable
{
    private static readonly IReadOnlyList<QuestionItem> _items
        = [.. QuestionFile.Read(Repository.Path("scripts", "data", "shelf-eval", "questions.jsonl"), needAnswers: true).Take(6)];

    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-analysis").FullName;
    private readonly LlavaModel _model = LlavaModel.Load(Repository.Path("scripts", "models", "tiny-llava"), new ModelOptions { Type = "float32", Threads = 1 });

    public void Dispose()
    {
        _model.Dispose();
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
    public void Teacher_forcing_tells_which_exits_change_the_answer()
    {
        ExitSweep sweep = Run(new AnalysisOptions()).Sweep!;

        Assert.Equal(Enumerable.Range(0, 8), sweep.Layers);
        foreach ((SweptSample sample, QuestionItem item) in sweep.Samples.Zip(_items))
        {
            Assert.Equal((1, 1), (sample.Exits[7].Agreement, Math.Round(sample.Exits[7].CrossEntropyRatio, 5)));
            foreach (int layer in sweep.Layers)
            {
                string answer = Answer(item, layer);
                Assert.Equal(sample.Exits[layer].SameAnswer, answer == sample.Answer);
                Assert.Equal(sample.Exits[layer].Right, string.Equals(answer, item.Answer, StringComparison.OrdinalIgnoreCase));
            }

            Assert.All(sample.Exits.Skip(sample.StableFrom!.Value), exit => Assert.True(exit.SameAnswer));
            Assert.True(sample.StableFrom == 0 || !sample.Exits[sample.StableFrom.Value - 1].SameAnswer);
        }

        Assert.Equal(_items.Count, sweep.StableHistogram.Sum());
        Assert.True(sweep.SameAnswer[0] < sweep.SameAnswer[7]);
    }

    [Fact]
    public void Files_hold_the_report_and_plots_are_pictures()
    {
        AnalysisReport report = Run(new AnalysisOptions { SweepLayers = [1, 5, 7] });

        IReadOnlyList<string> files = [.. AnalysisFiles.Write(_folder, report), .. AnalysisPlots.Save(_folder, report)];

        using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_folder, "analysis.json")));
        Assert.Equal("dyvte-analysis", json.RootElement.GetProperty("format").GetString());
        Assert.Equal(3, json.RootElement.GetProperty("exits").GetProperty("sameAnswer").GetArrayLength());
        Assert.Equal(1 + (8 * ((3 * 9) + (2 * 4) + (2 * 2))), File.ReadAllLines(Path.Combine(_folder, "metrics.csv")).Length);
        Assert.Equal(4, File.ReadAllLines(Path.Combine(_folder, "exits.csv")).Length);
        Assert.Equal(1 + _items.Count, File.ReadAllLines(Path.Combine(_folder, "samples.csv")).Length);
        Assert.All(files.Where(file => file.EndsWith(".png", StringComparison.Ordinal)), file => Assert.True(Aperture.Images.Image.Load(file).Width > 100));
        Assert.Equal(files.Order(), Directory.GetFiles(_folder).Order());
    }

    [Fact]
    public void Wrong_layers_and_questions_without_pictures_are_named()
    {
        Assert.Contains("layers 0 to 7", Assert.Throws<ApertureException>(() => Run(new AnalysisOptions { ExitLayer = 8 })).Message, StringComparison.Ordinal);
        QuestionItem blind = _items[0] with { Image = null };
        Assert.Contains("has no picture", Assert.Throws<ApertureException>(() => AttentionAnalysis.Run(_model, [blind], [], new AnalysisOptions(), null, CancellationToken.None)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_analysis_leaves_no_tensor_behind()
    {
        Run(new AnalysisOptions());

        LiveTensors.MustNotGrow(() => Run(new AnalysisOptions()));
    }

    private AnalysisReport Run(AnalysisOptions options) => AttentionAnalysis.Run(_model, _items, [], options, null, CancellationToken.None);

    // The answer with an exit, by generating it.
    private string Answer(QuestionItem item, int exit)
    {
        using IDisposable mode = inference_mode();
        using PictureTokens pictures = new(_model);
        using LlavaSequence prompt = pictures.Prompt(item, CancellationToken.None);
        HookTable table = HookTableBuilder.Build(_model.Decoder.Info, [new ForcedExit(exit)]);
        GenerationResult result = new TokenGenerator(_model.Decoder).Generate(
            new GenerationInput(prompt.Rows.clone(), [prompt.Layout]), _model.Complete(new GenerationOptions { MaxNewTokens = 16 }), null, table);
        return _model.RequireTokenizer().Decode(result.Sequences[0].Tokens).Trim();
    }
}
