namespace Aperture.Files;

/// <summary>Keeps a folder to one writer, of whatever process. A killed one leaves a file behind and no lock.</summary>
public static class FolderLock
{
    private const int WouldBlock = 11; // EAGAIN: what opening reports when another handle holds the lock.

    /// <summary>Name of the file that stands in the folder while it is written into.</summary>
    public const string FileName = "run.lock";

    /// <summary>Takes the lock.</summary>
    /// <param name="folder">The folder; created if absent.</param>
    /// <param name="writer">Who writes there, for messages: "a training".</param>
    /// <returns>Gives the folder back when it is disposed.</returns>
    /// <exception cref="ApertureException">Somebody else holds it, or the folder cannot be written.</exception>
    public static IDisposable Take(string folder, string writer)
    {
        try
        {
            Directory.CreateDirectory(folder);
            return new FileStream(
                Path.Combine(folder, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
        }
        catch (IOException error) when (error.HResult == WouldBlock)
        {
            throw new ApertureException(
                $"{char.ToUpperInvariant(writer[0])}{writer[1..]} is running in '{folder}'; wait for its end, or give another folder.", error);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"'{folder}' cannot be written: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}; give another folder.", error);
        }
    }
}
