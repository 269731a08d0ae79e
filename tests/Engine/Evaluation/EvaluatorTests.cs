using System.Globalization;
using Aperture.Data;
using Aperture.Decoding;
using Aperture.Engine.Tests.Pipelines;
using Aperture.Engine.Tests.Requests;
using Aperture.Evaluation;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Evaluation;

/// <summary>Several pipelines on the same questions: turns, warming, what is checked first, baselines.</summary>
[Collection(WholeProcess.Name)]
public sealed class EvaluatorTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly EvaluationOptions _short = new() { MaxNewTokens = 2 };

    [Fact]
    public async Task Pipelines_take_turns_question_by_question_and_each_is_warmed_before_the_first()
    {
        await using EngineSession session = small.Open();
        List<(string Name, long Rows)> asked = [];
        Pipeline plain = session.Load(small.Folder);
        Counted progress = new();

        EvaluationResult result = Evaluator.Run(
            [Watched(plain, "a", asked), Watched(plain, "b", asked), Watched(plain, "c", asked)], Questions("a?", "abc?", "abcdef?"), _short, progress);

        Assert.Equal(["a", "b", "c", "a", "b", "c", "a", "b", "c", "a", "b", "c"], asked.Select(own => own.Name));
        long[] rows = [.. asked.Chunk(3).Select(turn => turn.Select(own => own.Rows).Distinct().Single())];
        Assert.Equal(rows[0], rows[1]); // the first question warms
        Assert.Equal(3, rows.Distinct().Count());
        Assert.Equal([1, 2, 3], progress.Reported);
        Assert.Equal(["a", "b", "c"], result.Reports.Select(report => report.Label));
        Assert.All(result.Reports, report => Assert.Equal(["0", "1", "2"], report.Results.Select(own => own.Item.Id)));
        Assert.Equal([null, "a", "a"], result.Reports.Select(report => report.Against?.Against));
    }

    [Fact]
    public async Task A_pipeline_among_others_answers_as_it_does_alone()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        using EverySite hooked = new();
        Pipeline[] pipelines = [plain, plain.With("half", (VisualTokens t) => t.Keep([.. Enumerable.Range(0, 8)])), plain.With(hooked)];
        QuestionItem[] items = Questions("abc?", "ab?");
        Evaluator.Run(plain, items, _short);
        long before = LiveTensors.Settled();

        EvaluationResult together = Evaluator.Run(pipelines, items, _short);

        Assert.Equal(before, LiveTensors.Settled());
        Assert.Equal(1, hooked.Calls("Vision.AfterEmbedding")); // it sees for itself, and once
        EvaluationReport[] alone = [.. pipelines.Select(pipeline => Evaluator.Run(pipeline, items, _short))];
        Assert.Equal(alone.SelectMany(report => report.Results.Select(Facts)), together.Reports.SelectMany(report => report.Results.Select(Facts)));
        Assert.Equal([16, 8, 16], together.Reports.Select(report => report.MeanVisualTokens));
        Assert.All(together.Reports.SelectMany(report => report.Results), own => Assert.Equal((2, true), (own.NewTokens, own.PrefillMs > 0)));
    }

    [Fact]
    public async Task Lines_and_pictures_are_checked_before_the_first_question()
    {
        await using EngineSession session = small.Open();
        List<(string Name, long Rows)> asked = [];
        Pipeline watched = Watched(session.Load(small.Folder), "a", asked);
        string file = Path.Combine(small.Root, "pictures.jsonl"), text = Path.Combine(small.Root, "text.png");
        File.WriteAllText(text, "no picture");
        string[] names = ["picture.png", "nowhere.png", "picture.png", "text.png", "nowhere.png"];
        File.WriteAllLines(file, names.Select(name => $$"""{"image": "{{name}}", "question": "q", "answer": "a"}"""));

        string message = Refused(QuestionFile.Read(file, needAnswers: true));
        string other = Refused([.. QuestionFile.Read(file, needAnswers: true).Skip(3).Take(1)]);
        string twice = Refused([.. Questions("a?"), .. Questions("ab?")]);

        Assert.StartsWith($"{file}(2): Image {Path.Combine(small.Root, "nowhere.png")} cannot be read: ", message, StringComparison.Ordinal);
        Assert.EndsWith(" (2 more lines are wrong: 4, 5).", message, StringComparison.Ordinal);
        Assert.StartsWith($"{file}(4): Image {text} is not an image", other, StringComparison.Ordinal);
        Assert.Equal("Question '0': the id '0' stands for another question already; ids must differ.", twice);
        Assert.Empty(asked);

        string Refused(IReadOnlyList<QuestionItem> items)
        {
            string told = Assert.Throws<ApertureException>(() => Evaluator.Run(watched, items, _short with { Strict = true })).Message;
            Assert.DoesNotContain('\n', told);
            return told;
        }
    }

    [Fact]
    public async Task Baselines_stand_behind_each_pipeline_with_as_many_tokens_as_its_FLOPs_allow()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder), pruned = plain.With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } });
        Pipeline chosen = plain.With("random", new { Tokens = 3 });
        QuestionItem[] items = Questions("abc?", "ab?");

        EvaluationResult result = Evaluator.Run([plain, pruned, chosen], items, _short with { AddBaselines = true });

        Assert.Equal(["none", "fitprune", "random", "pooling", "downsample", "random"], result.Reports.Select(report => report.Label.Split('(')[0]));
        Assert.Equal([[], [], [pruned.Label], [pruned.Label], [pruned.Label], []], result.Reports.Select(report => report.BudgetOf));
        Assert.Equal("random(Tokens=3)", result.Reports[5].Label);
        Assert.True(result.Reports[4].MeanFlops <= result.Reports[1].MeanFlops);
        int tokens = int.Parse(result.Reports[2].Label["random(Tokens=".Length..^1], CultureInfo.InvariantCulture);
        Assert.Equal($"pooling(Tokens={tokens})", result.Reports[3].Label);
        double budget = result.Reports[1].MeanFlops, more = Evaluator.Run(plain.With("random", new { Tokens = tokens + 1 }), items, _short).MeanFlops;
        Assert.True(result.Reports[2].MeanFlops <= budget && budget < more, $"{result.Reports[2].MeanFlops} <= {budget} < {more}");
        Assert.Equal([true, false, false, false, false, false], result.Reports.Select(report => report.IsPlain));
    }

    [Fact]
    public async Task Baselines_without_a_budget_or_a_picture_are_refused()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder), pruned = plain.With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } });
        EvaluationOptions options = _short with { AddBaselines = true };

        string alone = Assert.Throws<ApertureException>(() => Evaluator.Run([plain], Questions("a?"), options)).Message;
        string blank = Assert.Throws<ApertureException>(() => Evaluator.Run([plain, pruned], [Questions("a?")[0] with { Image = null }], options)).Message;
        string nothing = Assert.Throws<ApertureException>(() => Evaluator.Run([], Questions("a?"))).Message;
        string none = Assert.Throws<ApertureException>(() => Evaluator.Run(plain, Questions("a?"), new() { MaxNewTokens = 0 })).Message;

        Assert.Contains("there is none; name a method beside them", alone, StringComparison.Ordinal);
        Assert.Contains("no question has one", blank, StringComparison.Ordinal);
        Assert.Contains("give at least one", nothing, StringComparison.Ordinal);
        Assert.Contains("MaxNewTokens is 0", none, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Labels_tell_pipelines_apart()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder), cast = session.Load(small.Folder, new Models.ModelOptions { Type = "bfloat16", Threads = 1 });

        EvaluationResult same = Evaluator.Run([plain, plain.Plain()], Questions("a?"), _short with { AddBlind = true });
        EvaluationResult models = Evaluator.Run([plain, cast], Questions("a?"), _short);

        Assert.Equal(["none", "none, blind", "none (2)"], same.Reports.Select(report => report.Label));
        Assert.Equal(["small: none", "small: none (2)"], models.Reports.Select(report => report.Label));
        Assert.Equal([ScalarType.Float32, ScalarType.BFloat16], models.Reports.Select(report => report.MeasuredOn.Type));
    }

    private static Pipeline Watched(Pipeline plain, string name, List<(string Name, long Rows)> asked)
        => plain.With(name, 0, (ILayerContext _, Tensor rows) =>
        {
            asked.Add((name, rows.shape[0]));
            return null;
        });

    private static (string Given, double Score, int Tokens, double Mean, int New, long Flops, long Bytes) Facts(QuestionResult result)
        => (result.Given, result.Score, result.VisualTokens, result.MeanVisualTokens, result.NewTokens, result.Flops, result.CacheBytes);

    private QuestionItem[] Questions(params string[] questions)
        => [.. questions.Select((question, i) => new QuestionItem($"{i}", small.Picture, question, "x", ""))];

    private sealed class Counted : IProgress<int>
    {
        public List<int> Reported { get; } = [];

        public void Report(int value) => Reported.Add(value);
    }
}
