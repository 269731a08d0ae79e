using System.Runtime.CompilerServices;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Tasks;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Tasks;

/// <summary>Calls of an open task: their order, their end, what they tell, and what they hold.</summary>
[Collection(WholeProcess.Name)]
public sealed class TaskCallTests : IDisposable
{
    private readonly TaskSandbox _sandbox = new();
    private readonly string _checkpoint;

    public TaskCallTests() => _checkpoint = _sandbox.Checkpoint("a.safetensors", "shade.scale");

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public async Task Calls_run_one_by_one_in_the_order_they_came()
    {
        await using EngineSession session = _sandbox.Open();
        OpenTask<IClassifier> shade = session.LoadTask<IClassifier>(_checkpoint);
        Held held = new();
        List<int> order = [];
        Task<TaskResult<int>> first = shade.RunAsync((model, run) => Classify(model, run, ["first"]), new TaskCall { Progress = held.Report });
        await held.Began;
        Task<TaskResult<int>>[] later = [.. Enumerable.Range(0, 50).Select(i => shade.RunAsync((_, _) =>
        {
            order.Add(i); // Not locked: one call at a time.
            return i;
        }))];

        Assert.Empty(order);
        held.Release();
        await Task.WhenAll([first, .. later]).WaitAsync(TaskSandbox.Limit);

        Assert.Equal(Enumerable.Range(0, 50), order);
    }

    [Fact]
    public async Task Disposal_cancels_the_running_call_and_waits_for_it()
    {
        await using EngineSession session = _sandbox.Open();
        OpenTask<IClassifier> shade = session.LoadTask<IClassifier>(_checkpoint);
        Held held = new();
        Task<TaskResult<int>> running = shade.RunAsync((model, run) => Classify(model, run, ["a", "b"]), new TaskCall { Progress = held.Report });
        await held.Began;
        Task<TaskResult<int>> waiting = shade.RunAsync((_, _) => 1);

        Task disposal = Task.Run(shade.Dispose);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting.WaitAsync(TaskSandbox.Limit));
        Assert.False(disposal.IsCompleted);
        Assert.Equal(1, session.Plugins.Plugins[0].Leases);
        held.Release();
        await disposal.WaitAsync(TaskSandbox.Limit);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
        Assert.Single(held.Reports);
        Assert.True(shade.IsDisposed);
        Assert.Equal(0, session.Plugins.Plugins[0].Leases);
        Assert.Contains("disposed", Assert.Throws<ApertureException>(() => shade.Classify("brightness", TaskSandbox.Dark, "")).Message);
        Assert.Throws<ObjectDisposedException>(() => shade.Tasks());
        shade.Dispose();
    }

    [Fact]
    public async Task A_token_ends_a_call_between_two_stages()
    {
        await using EngineSession session = _sandbox.Open();
        OpenTask<IClassifier> shade = session.LoadTask<IClassifier>(_checkpoint);
        using CancellationTokenSource stop = new();
        Seen seen = new(progress => (progress.Done == 1 ? stop : null)?.Cancel());

        TaskCall call = new() { Progress = seen.Report };
        Assert.ThrowsAny<OperationCanceledException>(() => shade.Classify("brightness", [TaskSandbox.Dark], ["a", "b", "c"], call, stop.Token));

        Assert.Equal(["a", "b"], seen.Reports.Select(progress => progress.Stage));
        Assert.Equal("dark", shade.Classify("brightness", TaskSandbox.Dark, "").Value[0].Label);
    }

    [Fact]
    public async Task A_reload_leaves_an_open_task_and_takes_a_closed_ones_plugin()
    {
        await using EngineSession session = _sandbox.Open();
        PluginReload refused = await ReloadWhileOpen(session);
        Assert.False(refused.Reloaded);
        Assert.Contains("in use by 1 object", refused.Message);

        PluginReload reload = await session.ReloadAsync("tasks");

        Assert.True(reload.Reloaded, reload.Message);
        Assert.IsType<PluginUnload.Unloaded>(reload.Unload);
        Assert.Equal("dark", session.LoadTask<IClassifier>(_checkpoint).Classify("brightness", TaskSandbox.Dark, "").Value[0].Label);
    }

    [Fact]
    public async Task Progress_previews_and_trace_come_when_they_are_asked_for()
    {
        await using EngineSession session = _sandbox.Open();
        OpenTask<IClassifier> shade = session.LoadTask<IClassifier>(_checkpoint);
        Seen plain = new(_ => { }), previews = new(_ => { });

        TaskResult<IReadOnlyList<LabelScore>> quiet = shade.Classify("brightness", TaskSandbox.Bright, "one", new TaskCall { Progress = plain.Report });
        TaskCall loud = new() { Progress = previews.Report, WantsPreviews = true, Trace = _ => true };
        TaskResult<IReadOnlyList<LabelScore>> traced = shade.Classify("brightness", TaskSandbox.Bright, "one", loud);
        TaskResult<IReadOnlyList<LabelScore>> some = shade.Classify("brightness", TaskSandbox.Bright, "one", new TaskCall { Trace = name => name == "mean" });

        Assert.Equal(new TaskProgress("one", 0, 1), Assert.Single(plain.Reports));
        Assert.Equal(6, Assert.Single(previews.Reports).Picture!.Width);
        Assert.Empty(quiet.Trace);
        Assert.Equal(["mean", "histogram"], traced.Trace.Select(value => value.Name));
        Assert.Equal([0f, 0, 0, 1], traced.Trace[1].Values);
        Assert.Equal([4L], traced.Trace[1].Shape);
        Assert.Equal(240f / 255, Assert.Single(some.Trace).Values.Single(), 5);
        Assert.Equal(quiet.Value, traced.Value);
    }

    [Fact]
    public async Task A_result_says_what_it_cost()
    {
        await using EngineSession session = _sandbox.Open();
        OpenTask<IClassifier> shade = session.LoadTask<IClassifier>(_checkpoint);

        Measure measure = shade.Classify("brightness", [TaskSandbox.Dark], ["a", "b", "c"], new TaskCall { Progress = _ => Thread.Sleep(20) }).Measure;
        Measure unstaged = shade.Run((_, _) => 1).Measure;

        Assert.Equal(["vision", "score"], measure.Milliseconds.Keys);
        Assert.All(measure.Milliseconds.Values, time => Assert.True(time >= 15));
        Assert.True(measure.TotalMilliseconds >= 55);
        Assert.Equal(new Dictionary<string, long> { ["regression"] = 6 }, measure.Flops);
        Assert.InRange(measure.PeakMemory, 1 << 20, Environment.Is64BitProcess ? long.MaxValue : int.MaxValue);
        Assert.Equal(["run"], unstaged.Milliseconds.Keys);
        Assert.Equal(0, unstaged.TotalFlops);
    }

    [Fact]
    public async Task Ranking_and_segmenting_have_calls_of_their_own()
    {
        await using EngineSession session = _sandbox.Open();
        OpenTask<IClassifier> shade = session.LoadTask<IClassifier>(_checkpoint);
        OpenTask<ISegmenter> stencil = session.LoadTask<ISegmenter>(_sandbox.Stencil());
        string Message(SegmentPrompt prompt) => Assert.Throws<ApertureException>(() => stencil.Segment(TaskSandbox.Dark, prompt)).Message;

        MaskImage mask = stencil.Segment(TaskSandbox.Dark, new SegmentPrompt { Points = [new PromptPoint(1, 1)] }).Value[0].Mask;

        Assert.Equal(24, mask.Area);
        Assert.Equal(["b", "a"], shade.Rank("brightness", TaskSandbox.Dark, ["b", "a"]).Value.Select(pair => pair.Text));
        Assert.Equal(SegmentPromptKinds.Points | SegmentPromptKinds.Box, stencil.Prompts());
        Assert.Equal("The prompt is empty; give it Points, Box.", Message(new SegmentPrompt()));
        Assert.Equal("'stencil' takes no Text for a prompt; it takes Points, Box.", Message(new SegmentPrompt { Text = "the lamp" }));
        Assert.Equal("The point (7, 1) is not in the picture of 6x4 pixels.", Message(new SegmentPrompt { Points = [new PromptPoint(7, 1)] }));
        Assert.Contains("covers nothing of the picture", Message(new SegmentPrompt { Box = new PixelBox(3, 3, 3, 4) }));
        ApertureException none = Assert.Throws<ApertureException>(() => stencil.Segment(TaskSandbox.Dark, Array.Empty<SegmentPrompt>()));
        Assert.Equal("There are no prompts; give at least one.", none.Message);
        Assert.Contains("There are no texts", Assert.Throws<ApertureException>(() => shade.Classify("brightness", [TaskSandbox.Dark], [])).Message);
    }

    [Fact]
    public async Task Opening_asking_and_disposing_leave_no_tensor_and_no_lease()
    {
        await using EngineSession session = _sandbox.Open();
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = round == 1 ? LiveTensors.Settled() : before;
            using OpenTask<IClassifier> shade = session.LoadTask<IClassifier>(_checkpoint);
            shade.Classify("brightness", [TaskSandbox.Dark], ["a", "b"], new TaskCall { Trace = _ => true });
            Assert.Throws<ApertureException>(() => shade.Classify("darkness", TaskSandbox.Dark, "a"));
        }

        Assert.Equal(before, Tensor.TotalCount);
        Assert.Equal(0, session.Plugins.Plugins[0].Leases);
    }

    [Fact]
    public async Task A_session_disposes_what_is_open()
    {
        OpenTask<IClassifier> shade;
        await using (EngineSession session = _sandbox.Open())
        {
            shade = session.LoadTask<IClassifier>(_checkpoint);
        }

        Assert.True(shade.IsDisposed);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<PluginReload> ReloadWhileOpen(EngineSession session)
    {
        using OpenTask<IClassifier> shade = session.LoadTask<IClassifier>(_checkpoint);
        PluginReload refused = await session.ReloadAsync("tasks");
        Assert.Equal("bright", shade.Classify("brightness", TaskSandbox.Bright, "").Value[0].Label);
        return refused;
    }

    private static int Classify(IClassifier model, TaskRun run, string[] texts)
        => model.Classify("brightness", [TaskSandbox.Dark.ToPicture()], texts, run).Count;

    private sealed class Seen(Action<TaskProgress> react)
    {
        public List<TaskProgress> Reports { get; } = [];

        public void Report(TaskProgress value)
        {
            Reports.Add(value);
            react(value);
        }
    }
}
