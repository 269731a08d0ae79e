using Spectre.Console;

namespace Aperture.Host;

/// <summary>A bar on standard error that comes with the first report and goes when something is written; on a file or pipe it stays away.</summary>
/// <param name="terminal">Where it is shown.</param>
internal sealed class ProgressBar(Terminal terminal)
{
    private TaskCompletionSource? _end;
    private Task _shown = Task.CompletedTask;
    private ProgressTask? _bar;

    /// <summary>Shows how far the work is.</summary>
    public void Report(string stage, int done, int total)
    {
        if (!terminal.RichError.Profile.Out.IsTerminal)
        {
            return;
        }

        _bar ??= Start(Markup.Escape(stage));
        _bar.Description = Markup.Escape(stage);
        _bar.MaxValue = Math.Max(1, total);
        _bar.Value = done;
    }

    /// <summary>Takes it away.</summary>
    public void End()
    {
        _end?.SetResult();
        _shown.GetAwaiter().GetResult();
        (_end, _shown, _bar) = (null, Task.CompletedTask, null);
    }

    private ProgressTask Start(string stage)
    {
        TaskCompletionSource end = _end = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<ProgressTask> started = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _shown = Task.Run(() => terminal.RichError.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn())
            .StartAsync(context =>
            {
                started.SetResult(context.AddTask(stage));
                return end.Task;
            }));
        Task.WhenAny(started.Task, _shown).GetAwaiter().GetResult();
        return started.Task.IsCompleted ? started.Task.Result : throw new InvalidOperationException("The bar ended before it began.", _shown.Exception);
    }
}
