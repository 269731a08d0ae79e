using Aperture.Pipelines;
using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Sessions;

public class ScriptInterruptTests
{
    [Fact]
    public void Three_presses_request_force_and_leave()
    {
        using ScriptInterrupt interrupt = new();
        Assert.Equal(InterruptStage.Requested, interrupt.Press());
        Assert.True(interrupt.Requested.IsCancellationRequested);
        Assert.False(interrupt.Forced.IsCancellationRequested);
        Assert.Equal(InterruptStage.Forced, interrupt.Press());
        Assert.True(interrupt.Forced.IsCancellationRequested);
        Assert.Equal(InterruptStage.Leave, interrupt.Press());
    }

    [Theory]
    [InlineData("Started.SetResult(); await Task.Delay(-1, Cancellation);")]
    [InlineData("Started.SetResult(); while (true) { Cancellation.ThrowIfCancellationRequested(); }")]
    public async Task The_first_press_stops_what_takes_the_token(string text)
    {
        using ScriptFixture f = new();
        using ScriptInterrupt interrupt = new();
        Task<ScriptResult> run = f.Session.RunAsync(ScriptSource.FromText(text), interrupt);
        await f.Globals.Started.Task;
        interrupt.Press();
        Assert.IsType<ScriptResult.Cancelled>(await run);
    }

    [Theory]
    [InlineData("long n = 0; Started.SetResult(); while (true) { n++; }")]
    [InlineData("await Task.Delay(1); Started.SetResult(); for (long n = 0; ; n++) { }")]
    [InlineData("Started.SetResult(); await Task.Delay(-1);")]
    public async Task The_second_press_stops_what_ignores_the_token_and_keeps_the_session(string text)
    {
        using ScriptFixture f = new();
        await f.Value("var kept = 9;");
        using ScriptInterrupt interrupt = new();
        Task<ScriptResult> run = f.Session.RunAsync(ScriptSource.FromText(text), interrupt);
        await f.Globals.Started.Task;
        interrupt.Press();
        interrupt.Press();
        Assert.IsType<ScriptResult.Cancelled>(await run);
        Assert.Equal(9, await f.Value("kept"));
    }

    // What counts on in each of these is left where it stands: nobody posts to it any more.
    [Theory]
    [InlineData("while (true) { await Task.Delay(1); Counter++; }", 1)]
    [InlineData("while (true) { await Task.Delay(1); Counter++; }", 2)]
    [InlineData("while (true) { await Task.Yield(); Counter++; }", 1)]
    [InlineData("while (true) { try { await Task.Delay(1, Cancellation); } catch { } await Task.Delay(1); Counter++; }", 1)]
    [InlineData("async Task Count() { while (true) { await Task.Delay(1); Counter++; } } var counting = Count(); await Task.Delay(-1, Cancellation);", 1)]
    [InlineData("async Task Count() { while (true) { await Task.Delay(1); Counter++; } } Count().Wait();", 1)]
    [InlineData("async Task Count() { while (true) { await Task.Delay(1); Counter++; } } Count().Wait();", 2)]
    [InlineData("while (true) { Thread.Sleep(1); Counter++; }", 1)]
    public async Task What_a_stopped_entry_awaits_is_dropped_for_ever(string text, int presses)
    {
        using ScriptFixture f = new();
        using ScriptInterrupt interrupt = new();
        Task<ScriptResult> run = f.Session.RunAsync(ScriptSource.FromText(text), interrupt);
        await Counted(f, 3);
        for (int press = 0; press < presses; press++)
        {
            interrupt.Press();
        }

        Assert.IsType<ScriptResult.Cancelled>(await run.WaitAsync(TimeSpan.FromSeconds(60)));
        int counted = f.Globals.Counter;
        await Task.Delay(250);
        Assert.InRange(f.Globals.Counter, counted, counted + 1); // One that was past its await may still count.
    }

    [Theory]
    [InlineData("Thread.Sleep(-1);")]
    [InlineData("new ManualResetEventSlim().Wait();")]
    [InlineData("lock (new object()) { new TaskCompletionSource().Task.Wait(); }")]
    public async Task The_first_press_wakes_an_entry_that_sleeps(string text)
    {
        using ScriptFixture f = new();
        await f.Value("var kept = 9;");
        using ScriptInterrupt interrupt = new();
        Task<ScriptResult> run = f.Session.RunAsync(ScriptSource.FromText("Started.SetResult(); " + text), interrupt);
        await f.Globals.Started.Task;
        interrupt.Press();
        Assert.IsType<ScriptResult.Cancelled>(await run.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal(9, await f.Value("Thread.Sleep(1); kept"));
    }

    [Fact]
    public async Task An_entry_that_ends_by_its_token_is_not_woken()
    {
        using ScriptFixture f = new();
        using ScriptInterrupt interrupt = new();
        const string Text = "Started.SetResult(); try { Task.Delay(-1, Cancellation).Wait(); } catch (AggregateException) { Counter = 1; } 5";
        Task<ScriptResult> run = f.Session.RunAsync(ScriptSource.FromText(Text), interrupt);
        await f.Globals.Started.Task;
        interrupt.Press();
        Assert.Equal(new ScriptResult.Value(5, true), await run.WaitAsync(TimeSpan.FromSeconds(60)));
        Assert.Equal(1, f.Globals.Counter);
    }

    [Fact]
    public async Task What_an_entry_leaves_in_the_background_goes_on_until_the_session_ends()
    {
        using ScriptFixture f = new();
        await f.Value("async Task Count() { while (true) { await Task.Delay(1); Counter++; } } var counting = Count(); 1");
        await Counted(f, f.Globals.Counter + 3);

        f.Session.Dispose();

        int counted = f.Globals.Counter;
        await Task.Delay(300);
        Assert.InRange(f.Globals.Counter, counted, counted + 1);
    }

    [Fact]
    public async Task What_nobody_awaits_in_the_background_is_told_and_ends_nothing()
    {
        TaskCompletionSource<Exception> told = new(TaskCreationOptions.RunContinuationsAsynchronously);
        using ScriptFixture f = new(options => options with { OnBackgroundError = told.SetResult });
        await f.Value("async void Fail() { await Started.Task; throw new ApertureException(\"lost\"); } Fail(); 1");
        f.Globals.Started.SetResult();
        Assert.Equal("lost", (await told.Task.WaitAsync(TimeSpan.FromSeconds(60))).Message);
        Assert.Equal(2, await f.Value("1 + 1"));
    }

    [Fact]
    public async Task The_token_of_an_entry_is_that_of_what_it_started()
    {
        using ScriptFixture f = new();
        await f.Value("var seen = Task.Run(async () => { while (!Cancellation.IsCancellationRequested) { await Task.Delay(1); } return true; }); 1");
        using ScriptInterrupt interrupt = new();
        Task<ScriptResult> later = f.Session.RunAsync(ScriptSource.FromText("Started.SetResult(); await Task.Delay(-1, Cancellation);"), interrupt);
        await f.Globals.Started.Task;
        interrupt.Press();
        Assert.IsType<ScriptResult.Cancelled>(await later);
        Assert.Equal(false, await f.Value("seen.IsCompleted")); // Another entry was stopped.
        Task<bool> background = (Task<bool>)(await f.Value("seen"))!;
        f.Session.Dispose();
        Assert.True(await background.WaitAsync(TimeSpan.FromSeconds(60)));
    }

    private static async Task Counted(ScriptFixture f, int count)
    {
        while (f.Globals.Counter < count)
        {
            await Task.Delay(1);
        }
    }
}
