using System.Text.Json.Nodes;
using Aperture.Data;
using Aperture.Decoding;
using Aperture.Engine.Tests.Pipelines;
using Aperture.Evaluation;
using Aperture.Pipelines;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Evaluation;

/// <summary>The folder of an evaluation: a line an answer, going on after a stop, and what is refused there.</summary>
[Collection(WholeProcess.Name)]
public sealed class EvaluationOutputTests(SmallLlava small) : IClassFixture<SmallLlava>, IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("aperture-output-").FullName;
    private int _asked;

    private string Samples => Path.Combine(_root, "run", "samples.jsonl");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task A_run_that_was_stopped_and_torn_goes_on_to_what_an_unbroken_one_gives()
    {
        await using EngineSession session = small.Open();
        using CancellationTokenSource stop = new();
        bool isStopping = false;
        Pipeline[] pipelines = Pipelines(session, () => isStopping && _asked == 7 ? stop : null);
        Evaluator.Run(pipelines, Questions(), Options("whole"));
        int whole = _asked;
        (_asked, isStopping) = (0, true);

        // Two questions warm, four are answered, the seventh is stopped.
        Assert.ThrowsAny<OperationCanceledException>(() => Evaluator.Run(pipelines, Questions(), Options("run"), cancellationToken: stop.Token));
        Assert.False(File.Exists(Path.Combine(_root, "run", "summary.json")));
        string[] kept = File.ReadAllLines(Samples);
        File.AppendAllText(Samples, kept[0][..40]);
        _asked = 0;
        EvaluationResult rest = Evaluator.Run(pipelines, Questions(), Options("run"));

        Assert.Equal(4, kept.Length);
        Assert.Equal(4, rest.Resumed);
        Assert.Equal(whole - 4, _asked); // nothing that was there is asked again
        Assert.Equal(kept, File.ReadAllLines(Samples)[..4]);
        Assert.Equal(Facts("whole"), Facts("run"));
        Assert.Equal(["1", "1", "2", "2", "3", "3", "4", "4"], File.ReadLines(Samples).Select(line => JsonNode.Parse(line)!["id"]!.GetValue<string>()));
        Assert.Equal(EvaluationJson.Write(rest) + "\n", File.ReadAllText(Path.Combine(_root, "run", "summary.json")));
        Assert.Equal(["run.json", "samples.jsonl", "summary.json"], Directory.GetFiles(Path.Combine(_root, "run")).Select(Path.GetFileName).Order());

        _asked = 0;
        EvaluationResult again = Evaluator.Run(pipelines, Questions(), Options("run"));
        Assert.Equal((0, 8), (_asked, again.Resumed));
        Assert.Equal(EvaluationJson.Write(rest), EvaluationJson.Write(again));
    }

    [Fact]
    public async Task A_line_has_question_answer_score_tokens_and_times()
    {
        await using EngineSession session = small.Open();
        QuestionItem item = Questions()[0] with { Answer = "ü \"x\"", Type = "kind", Line = 7 };

        EvaluationReport report = Evaluator.Run([session.Load(small.Folder)], [item], Options("run")).Reports[0];

        QuestionResult result = report.Results[0];
        JsonObject line = JsonNode.Parse(File.ReadAllLines(Samples).Single())!.AsObject();
        Assert.Equal(
            [
                "pipeline", "id", "line", "type", "question", "right", "answer", "score", "visualTokens", "meanVisualTokens", "newTokens", "flops",
                "projectorMilliseconds", "prefillMilliseconds", "decodeMilliseconds", "cacheBytes",
            ],
            line.Select(field => field.Key));
        Assert.Equal(
            ("none", "1", 7, "kind", "a?"),
            ((string)line["pipeline"]!, (string)line["id"]!, (int)line["line"]!, (string)line["type"]!, (string)line["question"]!));
        Assert.Equal("ü \"x\"", (string)line["right"]![0]!);
        Assert.Contains("ü", File.ReadAllText(Samples), StringComparison.Ordinal);
        Assert.Equal((result.Given, 16, 2), ((string)line["answer"]!, (int)line["visualTokens"]!, (int)line["newTokens"]!));
        Assert.Equal(
            (result.PrefillMs, result.DecodeMs, result.Flops),
            ((double)line["prefillMilliseconds"]!, (double)line["decodeMilliseconds"]!, (long)line["flops"]!));
    }

    [Fact]
    public async Task A_question_whose_picture_is_broken_counts_as_wrong_and_the_others_are_asked()
    {
        await using EngineSession session = small.Open();
        Pipeline[] pipelines = Pipelines(session);
        string cut = Path.Combine(_root, "cut.png"), gone = Path.Combine(_root, "gone.png");
        File.WriteAllBytes(cut, File.ReadAllBytes(small.Picture)[..60]);
        QuestionItem[] items = Questions();
        items = [items[0] with { Image = cut }, items[1], items[2] with { Image = gone, Answer = "no" }, items[3]];
        items = [.. items.Select(item => item with { File = "q.jsonl" })];

        EvaluationResult result = Evaluator.Run(pipelines, items, Options("run"));
        int asked = _asked;
        EvaluationResult again = Evaluator.Run(pipelines, items, Options("run"));

        Assert.StartsWith($"q.jsonl(1): Image {cut} is damaged", result.Broken);
        Assert.EndsWith("(1 more line is wrong: 3).", result.Broken);
        Assert.Equal($"counted as wrong and not asked: {result.Broken}", result.Notes[0]);
        Assert.Equal(6, asked); // two warm, four count
        Assert.Equal((asked, 8), (_asked, again.Resumed));
        Assert.Equal(EvaluationJson.Write(result), EvaluationJson.Write(again));
        foreach (EvaluationReport report in result.Reports)
        {
            Assert.Equal([true, false, true, false], report.Results.Select(r => r.Problem is not null));
            Assert.Equal((4, 2, 0.0), (report.Results.Count, report.Broken, report.Results[0].Score));
            Assert.Equal(report.Results[1].Flops + report.Results[3].Flops, 2 * report.MeanFlops, 1.0);
        }

        Assert.Equal(2, JsonNode.Parse(EvaluationJson.Write(result))![0]!["broken"]!.GetValue<int>());
        Refused($"q.jsonl(1): Image {cut} is damaged", pipelines, items, Options("other") with { Strict = true });
        Refused("q.jsonl(1): Image", pipelines, [items[0], items[2]], Options("other"));
        Assert.False(Directory.Exists(Path.Combine(_root, "other")));
    }

    [Fact]
    public void A_broken_picture_is_wrong_under_POPE_whichever_answer_is_right()
    {
        QuestionItem yes = new("1", "a.png", "q", "yes", ""), no = new("2", "b.png", "q", "no", "");
        QuestionResult[] results = [new(yes, "", 0) { Problem = "damaged" }, new(no, "", 0) { Problem = "damaged" }];

        IReadOnlyList<(string Name, double Value)> figures = AnswerScoring.Find("pope").Figures(results);

        Assert.Equal(("recall", 0.0), figures[1]);
        Assert.Equal(("precision", 0.0), figures[0]);
    }

    [Fact]
    public async Task Another_run_is_refused_in_one_line_and_asks_nothing()
    {
        await using EngineSession session = small.Open();
        Pipeline[] pipelines = Pipelines(session);
        QuestionItem[] items = Questions();
        Evaluator.Run(pipelines, items, Options("run"));
        byte[] before = File.ReadAllBytes(Samples);
        string weights = Directory.GetFiles(small.Folder, "*.safetensors")[0];
        DateTime written = File.GetLastWriteTimeUtc(weights);
        _asked = 0;

        Refused("its longest answer is '2', not '3'", pipelines, items, Options("run") with { MaxNewTokens = 3 });
        Refused(
            "its score is 'exact', not 'scienceqa'", pipelines, [.. items.Select(item => item with { Answer = "A" })],
            Options("run") with { Scoring = AnswerScoring.Find("scienceqa") });
        Refused("its pipelines are 'a | b', not 'a'", [pipelines[0]], items, Options("run"));
        Refused("its questions are '4', not '3'", pipelines, items[..3], Options("run"));
        Refused("its questions or pictures are others", pipelines, [items[0] with { Answer = "y" }, .. items[1..]], Options("run"));
        Refused("not 'a, blind | b, blind'", pipelines, items, Options("run") with { Blind = true });
        File.SetLastWriteTimeUtc(weights, written.AddSeconds(1));
        Refused("files of the model have changed since", pipelines, items, Options("run"));
        File.SetLastWriteTimeUtc(weights, written);

        Assert.Equal(0, _asked);
        Assert.Equal(before, File.ReadAllBytes(Samples));
        Assert.Equal(8, Evaluator.Run(pipelines, items, Options("run")).Resumed);
    }

    [Fact]
    public async Task What_is_no_sample_or_no_folder_of_ones_own_is_refused()
    {
        await using EngineSession session = small.Open();
        Pipeline[] pipelines = Pipelines(session);
        Evaluator.Run(pipelines, Questions(), Options("run"));
        string[] lines = File.ReadAllLines(Samples);

        File.WriteAllLines(Samples, [lines[0], lines[1].Replace("\"score\":", "\"scare\":", StringComparison.Ordinal), lines[2]]);
        Refused("samples.jsonl(2): the line is no answer of this evaluation", pipelines, Questions(), Options("run"));
        File.WriteAllLines(Samples, [lines[0].Replace("\"pipeline\":\"a\"", "\"pipeline\":\"other\"", StringComparison.Ordinal)]);
        Refused("samples.jsonl(1): the line is no answer", pipelines, Questions(), Options("run"));
        File.WriteAllText(Path.Combine(_root, "run", "run.json"), "[]");
        Refused("does not say which evaluation the folder holds", pipelines, Questions(), Options("run"));
        File.Delete(Path.Combine(_root, "run", "run.json"));
        Refused("does not say which evaluation the folder holds", pipelines, Questions(), Options("run"));
        Directory.CreateDirectory(Path.Combine(_root, "held"));
        using (new FileStream(Path.Combine(_root, "held", "run.lock"), FileMode.Create, FileAccess.Write, FileShare.None))
        {
            Refused("because it is being used by another process", pipelines, Questions(), Options("held"));
        }

        File.WriteAllText(Path.Combine(_root, "file"), "");
        Refused("cannot be written into", pipelines, Questions(), Options("file"));
    }

    private static void Refused(string says, Pipeline[] pipelines, QuestionItem[] items, EvaluationOptions options)
    {
        string message = Assert.Throws<ApertureException>(() => Evaluator.Run(pipelines, items, options)).Message;
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    // Two pipelines that count their questions and may stop at one.
    private Pipeline[] Pipelines(EngineSession session, Func<CancellationTokenSource?>? stop = null)
    {
        Pipeline plain = session.Load(small.Folder);
        return [.. new[] { "a", "b" }.Select(name => plain.With(name, 0, (ILayerContext _, Tensor _) =>
        {
            _asked++;
            stop?.Invoke()?.Cancel();
            return null;
        }))];
    }

    private QuestionItem[] Questions()
        => [.. new[] { "a?", "ab?", "abc?", "abcd?" }.Select((question, i) => new QuestionItem($"{i + 1}", small.Picture, question, "x", "") { Line = i + 1 })];

    private EvaluationOptions Options(string folder) => new() { MaxNewTokens = 2, Output = Path.Combine(_root, folder) };

    // The samples of a folder without their times.
    private string[] Facts(string folder) => [.. File.ReadLines(Path.Combine(_root, folder, "samples.jsonl")).Select(line =>
    {
        JsonObject sample = JsonNode.Parse(line)!.AsObject();
        string[] times = [.. sample.Select(field => field.Key).Where(name => name.EndsWith("Milliseconds", StringComparison.Ordinal))];
        Assert.Equal(3, times.Count(time => sample.Remove(time)));
        return sample.ToJsonString();
    })];
}
