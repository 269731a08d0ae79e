using System.Diagnostics;

namespace Aperture.Scripting;

/// <summary>Shows counted work in one place, at most ten times a second and at its end. Any thread may report.</summary>
internal sealed class LiveProgress : IProgress<int>
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(100);
    private readonly Lock _lock = new();
    private readonly Stopwatch _watch = Stopwatch.StartNew();
    private readonly ILiveDisplay _live;
    private readonly string _what;
    private readonly int _total;
    private TimeSpan _shown;

    public LiveProgress(IScriptDisplay display, string what, int total)
    {
        _what = what;
        _total = total;
        _live = display.ShowLive(new WorkProgress(what, 0, total, TimeSpan.Zero));
    }

    public void Report(int value)
    {
        lock (_lock)
        {
            WorkProgress progress = new(_what, value, _total, _watch.Elapsed);
            if (progress.IsDone || progress.Elapsed - _shown >= _interval)
            {
                _shown = progress.Elapsed;
                _live.Update(progress);
            }

            if (progress.IsDone)
            {
                _live.Dispose();
            }
        }
    }
}
