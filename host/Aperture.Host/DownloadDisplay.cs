using Aperture.Hub;
using Spectre.Console;

namespace Aperture.Host;

/// <summary>Shows downloads: a bar for each file on a terminal, a line for each finished file elsewhere.</summary>
internal static class DownloadDisplay
{
    public static Task<T> RunAsync<T>(Terminal terminal, bool isShown, Func<IProgress<HubProgress>, Task<T>> download)
    {
        if (!isShown)
        {
            return download(new Lines(TextWriter.Null));
        }

        return terminal.RichError.Profile.Capabilities.Interactive && terminal.RichError.Profile.Out.IsTerminal
            ? terminal.RichError.Progress()
                .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
                .StartAsync(context => download(new Bars(context)))
            : download(new Lines(terminal.Error));
    }

    private sealed class Bars(ProgressContext context) : IProgress<HubProgress>
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<(string Repo, string File), ProgressTask> _tasks = [];

        public void Report(HubProgress value)
        {
            lock (_lock)
            {
                if (!_tasks.TryGetValue((value.Repo, value.File), out ProgressTask? task))
                {
                    task = context.AddTask(Markup.Escape(value.File), maxValue: Math.Max(value.Size ?? value.Bytes, 1));
                    _tasks[(value.Repo, value.File)] = task;
                }

                task.IsIndeterminate = value.Size is null && !value.IsDone;
                task.MaxValue = Math.Max(value.Size ?? value.Bytes, 1);
                task.Value = value.IsDone ? task.MaxValue : value.Bytes;
            }
        }
    }

    private sealed class Lines(TextWriter writer) : IProgress<HubProgress>
    {
        private readonly Lock _lock = new();

        public void Report(HubProgress value)
        {
            if (value.IsDone)
            {
                lock (_lock)
                {
                    writer.WriteLine($"{value.Repo}/{value.File}: {value.Bytes / 1e6:0.0} MB");
                }
            }
        }
    }
}
