using System.Diagnostics;

namespace Aperture.Jupyter;

/// <summary>Ends a kernel whose client is gone without a word: Jupyter names its own process in <c>JPY_PARENT_PID</c>.</summary>
public static class ParentWatch
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(2);

    /// <summary>Waits until the client's process has ended; for ever where none is named.</summary>
    public static async Task WaitAsync(CancellationToken cancellationToken)
    {
        if (!int.TryParse(Environment.GetEnvironmentVariable("JPY_PARENT_PID"), out int parent) || parent <= 1)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken).ConfigureAwait(false);
        }

        while (IsRunning(parent))
        {
            await Task.Delay(_interval, cancellationToken).ConfigureAwait(false);
        }
    }

    private static bool IsRunning(int id)
    {
        try
        {
            using Process process = Process.GetProcessById(id);
            return !process.HasExited;
        }
        catch (ArgumentException)
        {
            return false; // What the runtime throws for a process that is not there.
        }
    }
}
