using Aperture.Hub;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Tasks;
using Aperture.Training;

namespace Aperture.Plugins.Eas.Tests.Meter;

/// <summary>METER through the host: opened from a plugin folder, asked, trained, interrupted and continued.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class MeterSessionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-meter-").FullName;
    private readonly string _tokenizer = MeterClassifierTests.Repository("tests", "Golden", "data", "text", "tiny", "roberta");
    private readonly string _checkpoint;

    public MeterSessionTests()
        => _checkpoint = MeterClassifierTests.Save(
            TinyMeter.Weights(Text.Tokenizers.FromFolder(_tokenizer).VocabularySize, adapted: false), _folder, name
                => !name.StartsWith("vqa_classifier", StringComparison.Ordinal));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task A_script_opens_and_asks()
    {
        await using EngineSession session = Open();
        OpenTask<IClassifier> meter = session.LoadTask<IClassifier>(_checkpoint, options: new { Tokenizer = _tokenizer, Heads = 2, VisionHeads = 2 });
        Image picture = Image.Filled(30, 20, 200, 30, 30);

        TaskResult<IReadOnlyList<LabelScore>> entailment = meter.Classify("snli", picture, "a red table");
        IReadOnlyList<(string Text, double Score)> ranked = meter.Rank("retrieval", picture, ["a red table", "a blue sign", "left"]).Value;

        Assert.Equal(["nlvr2", "snli", "retrieval", "match"], meter.Tasks().Select(task => task.Name));
        Assert.Equal(1, entailment.Value.Sum(label => label.Score), 5);
        Assert.Equal(ranked.OrderByDescending(pair => pair.Score), ranked);
        Assert.Equal(2, meter.Classify("nlvr2", [picture, picture], ["a red table"]).Value[0].Count);
        Assert.Equal(["text", "vision", "fusion"], entailment.Measure.Milliseconds.Keys);
        Assert.Equal(meter.Tasks().Single(task => task.Name == "snli").Flops, entailment.Measure.TotalFlops);
        Assert.Equal("meter", meter.Architecture);
    }

    [Fact]
    public async Task A_training_that_was_stopped_ends_where_an_unbroken_one_does()
    {
        string samples = Samples();
        await using EngineSession session = Open();
        object options = new
        {
            Task = "vqa",
            Tokenizer = _tokenizer,
            Heads = 2,
            VisionHeads = 2,
            Skip = new[] { 1, 3 },
            AdapterWidth = 8,
            ReplacementWidth = 12,
            Steps = 12,
            BatchSize = 2,
            Rate = 0.001,
        };
        session.TrainTask(_checkpoint, samples, Path.Combine(_folder, "whole"), options: options);
        using (CancellationTokenSource stop = new())
        {
            string broken = Path.Combine(_folder, "broken");
            Assert.Throws<OperationCanceledException>(() => session.TrainTask(_checkpoint, samples, broken, "meter", options, new Stop(stop), stop.Token));
        }

        TrainingResult result = session.TrainTask(_checkpoint, samples, Path.Combine(_folder, "broken"), "meter", options);

        Assert.Equal(
            File.ReadAllBytes(Path.Combine(_folder, "whole", "meter-eas.safetensors")),
            File.ReadAllBytes(Path.Combine(_folder, "broken", "meter-eas.safetensors")));
        IReadOnlyList<string> files = result.Files;
        object trained = new { Tokenizer = _tokenizer, Heads = 2, VisionHeads = 2, Adapters = files[0], Skip = files[1], Labels = files[2] };
        OpenTask<IClassifier> meter = session.LoadTask<IClassifier>(_checkpoint, "meter", trained);
        IReadOnlyList<LabelScore> answers = meter.Classify("vqa", Image.Filled(24, 20, 250, 10, 10), "which colour").Value;
        Assert.Equal(["blue", "red"], answers.Select(label => label.Label).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Wrong_names_and_files_are_one_line()
    {
        await using EngineSession session = Open();
        string empty = Path.Combine(_folder, "empty.jsonl"), textless = Path.Combine(_folder, "textless.jsonl");
        File.WriteAllText(empty, "");
        File.WriteAllText(textless, """{"image": "a.png", "answer": "yes"}""" + "\n");
        string Message(Action act) => Assert.Throws<ApertureException>(act).Message;

        Assert.Contains("No enabled plugin has a task 'metre'", Message(() => session.LoadTask<IClassifier>(_checkpoint, "metre")));
        Assert.Contains("There is no checkpoint", Message(() => session.LoadTask<IClassifier>("nowhere.ckpt")));
        Assert.Contains(
            "is of the architecture 'meter', which is a classifier, not a segmenter; load it as IClassifier",
            Message(() => session.LoadTask<ISegmenter>(_checkpoint)));
        Assert.Contains(
            "fetch it with: aperture pull FacebookAI/roberta-nowhere",
            Message(() => session.LoadTask<IClassifier>(_checkpoint, options: new { Tokenizer = "FacebookAI/roberta-nowhere", Heads = 2, VisionHeads = 2 })));
        Assert.Contains("is empty; it needs at least one line", Message(() => session.TrainTask(_checkpoint, empty, _folder)));
        Assert.Contains(
            "meter: sample 1 has no text; give it a question or text",
            Message(() => session.TrainTask(_checkpoint, textless, _folder, options: new { Heads = 2, VisionHeads = 2 })));
    }

    private static EngineSession Open() => EngineSessions.Open(new ModelOptions());

    private string Samples()
    {
        Image.Filled(24, 20, 250, 10, 10).SavePng(Path.Combine(_folder, "red.png"));
        Image.Filled(24, 20, 10, 10, 250).SavePng(Path.Combine(_folder, "blue.png"));
        string path = Path.Combine(_folder, "samples.jsonl");
        File.WriteAllLines(
            path,
            [
                """{"image": "red.png", "question": "which colour", "answer": "red"}""", "",
                """{"image": ["blue.png"], "text": "which colour", "answer": {"blue": 1, "red": 0.3}}""",
            ]);
        return path;
    }

    private sealed class Stop(CancellationTokenSource source) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => source.Cancel();
    }
}
