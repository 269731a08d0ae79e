using Aperture.Scripting;

namespace Aperture.Host.Tests.Scripting;

public class ScriptInterruptTests
{
    [Fact]
    public void Three_presses_request_force_and_leave()
    {
        using var interrupt = new ScriptInterrupt();
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
        using var f = new ScriptFixture();
        using var interrupt = new ScriptInterrupt();
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
        using var f = new ScriptFixture();
        await f.Value("var kept = 9;");
        using var interrupt = new ScriptInterrupt();
        Task<ScriptResult> run = f.Session.RunAsync(ScriptSource.FromText(text), interrupt);
        await f.Globals.Started.Task;
        interrupt.Press();
        interrupt.Press();
        Assert.IsType<ScriptResult.Cancelled>(await run);
        Assert.Equal(9, await f.Value("kept"));
    }
}
