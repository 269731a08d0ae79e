namespace Aperture.Hub;

/// <summary>A lock between processes on a file, compatible with the one the hub's Python tools take (flock).</summary>
internal static class HubLock
{
    private const int WouldBlock = 11; // EAGAIN: what opening reports when another handle holds the lock.
    private static readonly TimeSpan _poll = TimeSpan.FromMilliseconds(50);

    /// <summary>Waits for the lock; disposing the result releases it. The file stays, as the other tools expect.</summary>
    public static async Task<IDisposable> AcquireAsync(string path, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        while (true)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException e) when (e.HResult == WouldBlock)
            {
                await Task.Delay(_poll, cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
