using System.Text;

namespace Aperture.Files;

/// <summary>Recognises what Git leaves in place of a large file that was not fetched, whatever the file is called.</summary>
internal static class LfsPointer
{
    private const int LongestPointer = 1024;
    private const string Beginning = "version https://git-lfs";

    /// <summary>Refuses a pointer; anything else, also a file that cannot be read, is left to whoever opens it.</summary>
    /// <param name="path">A regular file, or a name that is not there.</param>
    /// <exception cref="ApertureException">It is a pointer.</exception>
    public static void Refuse(string path)
    {
        FileInfo file = new(path);
        if (!file.Exists || file.Length > LongestPointer || Content(path) is not { } text || !text.StartsWith(Beginning, StringComparison.Ordinal))
        {
            return;
        }

        string? size = text.Split('\n').FirstOrDefault(line => line.StartsWith("size ", StringComparison.Ordinal))?[5..].Trim();
        throw new ApertureException(
            $"'{path}' is a Git LFS pointer, not the file itself{(long.TryParse(size, out long bytes) ? $" of {bytes} bytes" : "")}; fetch it with "
            + "'git lfs pull', or the model with 'aperture pull'.");
    }

    private static string? Content(string path)
    {
        try
        {
            return Encoding.UTF8.GetString(File.ReadAllBytes(path));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // whoever opens it says why
        }
    }
}
