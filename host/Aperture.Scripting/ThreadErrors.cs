using System.Runtime.ExceptionServices;

namespace Aperture.Scripting;

/// <summary>
/// Exceptions that would end the process, because they leave a thread of a script's own (<c>new Thread</c>, a <c>Timer</c>). While a session watches, they go
/// to it and end their thread alone; else the process ends, as everywhere. The runtime has one handler for the whole process, which is why this is static.
/// </summary>
internal static class ThreadErrors
{
    private static readonly Lock _lock = new();
    private static readonly List<Action<Exception>> _watchers = [];
    private static readonly Lazy<bool> _isInstalled = new(Install);

    /// <summary>Sends them to a session from now on.</summary>
    /// <param name="tell">Gets each exception, on the thread that it ends.</param>
    /// <returns>Ends the watch.</returns>
    public static IDisposable Watch(Action<Exception> tell)
    {
        lock (_lock)
        {
            _watchers.Add(tell);
        }

        return _isInstalled.Value ? new Ending(tell) : throw new InvalidOperationException("The handler of unhandled exceptions was not installed.");
    }

    private static bool Install()
    {
        ExceptionHandling.SetUnhandledExceptionHandler(Tell);
        return true;
    }

    private static bool Tell(Exception error)
    {
        Action<Exception>? watcher;
        lock (_lock)
        {
            watcher = _watchers.LastOrDefault();
        }

        watcher?.Invoke(error);
        return watcher is not null;
    }

    private sealed class Ending(Action<Exception> tell) : IDisposable
    {
        public void Dispose()
        {
            lock (_lock)
            {
                _watchers.Remove(tell);
            }
        }
    }
}
