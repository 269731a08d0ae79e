namespace Aperture.Host;

/// <summary>
/// How many exceptions code in the background has thrown that nobody awaits: on threads of its own, in <c>async void</c>. Safe for several threads.
/// </summary>
internal sealed class BackgroundErrors
{
    private int _count;

    /// <summary>How many there were.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Counts one more.</summary>
    public void Add() => Interlocked.Increment(ref _count);

    /// <summary>The exit code of what ran: its own, or that of a failure where only the background failed.</summary>
    /// <param name="code">Its own.</param>
    public int Code(int code) => code == 0 && Count > 0 ? ErrorReport.Failed : code;
}
