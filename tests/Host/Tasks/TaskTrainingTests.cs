using Aperture.Pipelines;
using Aperture.Tasks;
using Aperture.Training;

namespace Aperture.Host.Tests.Tasks;

/// <summary>Samples as the host reads them, and training through the one loop.</summary>
[Collection(WholeProcess.Name)]
public sealed class TaskTrainingTests : IDisposable
{
    private readonly TaskSandbox _sandbox = new();

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public void A_line_has_pictures_text_labels_and_fields_of_its_own()
    {
        string path = Write(
            """{"image": ["a.png", "b.png"], "question": "q", "text": "t", "answer": {"x": 0.5, "y": 7}, "boxes": [[1, 2, 3, 4]], "id": "s1"}""",
            "",
            """{"text": "t", "answer": true}""",
            """{"image": "a.png", "answer": null}""");

        IReadOnlyList<TaskSample> samples = TaskSamples.Read(path);

        Assert.Equal([Path.Combine(_sandbox.Folder, "a.png"), Path.Combine(_sandbox.Folder, "b.png")], samples[0].Pictures);
        Assert.Equal("q", samples[0].Text);
        Assert.Equal(new Dictionary<string, double> { ["x"] = 0.5, ["y"] = 1 }, samples[0].Labels);
        Assert.Equal(_sandbox.Folder, samples[0].Folder);
        Assert.Equal(["boxes", "id"], samples[0].Fields.Keys.Order());
        Assert.Equal(3, samples[0].Fields["boxes"][0][2].GetInt32());
        Assert.Equal(("t", "true"), (samples[1].Text, samples[1].Labels.Keys.Single()));
        Assert.Empty(samples[1].Pictures);
        Assert.Equal(("", 0, 0), (samples[2].Text, samples[2].Labels.Count, samples[2].Fields.Count));
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("{\"image\": 3, \"text\": \"t\"}")]
    [InlineData("{\"image\": [null]}")]
    [InlineData("{\"text\": {}}")]
    [InlineData("{\"text\": \"t\", \"answer\": {\"a\": \"b\"}}")]
    [InlineData("{\"answer\": \"yes\"}")]
    [InlineData("{\"text\": \"t\"")]
    [InlineData("{\"text\": \"t\", \"answer\": {\"a\": 1, \"a\": {}}}")]
    public void A_damaged_line_is_named(string line)
    {
        string path = Write("""{"text": "fine"}""", line);

        string message = Assert.Throws<ApertureException>(() => TaskSamples.Read(path)).Message;

        Assert.StartsWith($"{path}(2): the line is not an object with image, text and answer", message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Missing_and_empty_files_are_told()
    {
        Assert.Contains("There is no file 'nowhere.jsonl'", Assert.Throws<ApertureException>(() => TaskSamples.Read("nowhere.jsonl")).Message);
        Assert.Contains("is empty", Assert.Throws<ApertureException>(() => TaskSamples.Read(Write("", ""))).Message);
    }

    [Fact]
    public async Task A_training_that_was_stopped_ends_where_an_unbroken_one_does()
    {
        await using EngineSession session = _sandbox.Open();
        string checkpoint = _sandbox.Checkpoint("a.safetensors", "shade.scale"), samples = Samples();
        object options = new { Steps = 30, Rate = 0.1 };
        string whole = Path.Combine(_sandbox.Folder, "whole"), broken = Path.Combine(_sandbox.Folder, "broken");
        TrainingResult unbroken = session.TrainTask(checkpoint, samples, whole, options: options);
        using (CancellationTokenSource stop = new())
        {
            Assert.Throws<OperationCanceledException>(() => session.TrainTask(checkpoint, samples, broken, "shade", options, new Stop(stop), stop.Token));
        }

        TrainingResult result = session.TrainTask(checkpoint, samples, broken, options: options);

        Assert.Equal(File.ReadAllBytes(unbroken.Files[0]), File.ReadAllBytes(result.Files[0]));
        double before = Bright(session, checkpoint), after = Bright(session, result.Files[0]);
        Assert.True(after > before, $"{before} -> {after}");
    }

    [Fact]
    public async Task Other_samples_need_another_folder_and_what_cannot_be_trained_says_so()
    {
        await using EngineSession session = _sandbox.Open();
        string checkpoint = _sandbox.Checkpoint("a.safetensors", "shade.scale"), output = Path.Combine(_sandbox.Folder, "run");
        session.TrainTask(checkpoint, Samples(), output, options: new { Steps = 2 });
        string Message(Action act) => Assert.Throws<ApertureException>(act).Message;

        // A field of one sample differs.
        Assert.Contains("another", Message(() => session.TrainTask(checkpoint, Samples(times: 3), output, options: new { Steps = 2 })));
        Assert.Equal("'stencil' has nothing to train; it works as it is.", Message(() => session.TrainTask(_sandbox.Stencil(), Samples(), output)));
        Assert.Contains("must have one picture", Message(() => session.TrainTask(checkpoint, Write("""{"text": "t", "answer": "dark"}"""), output)));
        Assert.Contains("unknown option 'Pace'", Message(() => session.TrainTask(checkpoint, Samples(), output, options: new { Pace = 2 })));
        Assert.Equal(0, session.Plugins.Plugins[0].Leases);
    }

    private static double Bright(EngineSession session, string checkpoint)
    {
        using OpenTask<IClassifier> shade = session.LoadTask<IClassifier>(checkpoint);
        return shade.Classify("brightness", TaskSandbox.Bright, "").Value.Single(label => label.Label == "bright").Score;
    }

    private string Samples(int times = 2)
    {
        TaskSandbox.Dark.SavePng(Path.Combine(_sandbox.Folder, "dark.png"));
        TaskSandbox.Bright.SavePng(Path.Combine(_sandbox.Folder, "bright.png"));
        return Write("""{"image": "dark.png", "answer": "dark"}""", $$"""{"image": "bright.png", "answer": "bright", "times": {{times}}}""");
    }

    private string Write(params string[] lines)
    {
        string path = Path.Combine(_sandbox.Folder, "samples.jsonl");
        File.WriteAllLines(path, lines);
        return path;
    }

    private sealed class Stop(CancellationTokenSource source) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => source.Cancel();
    }
}
