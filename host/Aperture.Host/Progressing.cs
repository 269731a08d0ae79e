using Spectre.Console;

namespace Aperture.Host;

/// <summary>Shows a progress bar for counted work on standard error; on a file or pipe it stays silent.</summary>
internal static class Progressing
{
    /// <summary>Runs work on a thread of its own under a bar.</summary>
    /// <typeparam name="T">What the work gives.</typeparam>
    /// <param name="terminal">Where the bar goes.</param>
    /// <param name="what">What is counted.</param>
    /// <param name="total">How many there are.</param>
    /// <param name="work">The work; it reports how many are done.</param>
    public static Task<T> RunAsync<T>(Terminal terminal, string what, int total, Func<CountedProgress, T> work)
        => !terminal.RichError.Profile.Out.IsTerminal ? Task.Run(() => work(new CountedProgress(_ => { }))) : terminal.RichError.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn())
            .StartAsync(context =>
            {
                ProgressTask task = context.AddTask(Markup.Escape(what), maxValue: Math.Max(1, total));
                return Task.Run(() => work(new CountedProgress(done => task.Value = done)));
            });
}

/// <summary>Passes a count on, at once and on the caller's thread.</summary>
/// <param name="report">Gets the count.</param>
internal sealed class CountedProgress(Action<int> report) : IProgress<int>
{
    /// <inheritdoc />
    public void Report(int value) => report(value);
}
