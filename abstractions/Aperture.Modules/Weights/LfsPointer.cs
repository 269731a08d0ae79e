using System.Text;
using Aperture.Files;

namespace Aperture.Weights;

/// <summary>Recognises what Git leaves in place of a large file that was not fetched, whatever the file is called.</summary>
internal static class LfsPointer
{
    private const int LongestPointer = 1024;
    private const string Beginning = "version https://git-lfs";

    /// <summary>Refuses a pointer; anything else, also a file that cannot be read, is left to whoever opens it.</summary>
    /// <param name="path">The file.</param>
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
            $"'{path}' is a Git LFS pointer, not the file itself{(size is null ? "" : $" of {size} bytes")}; fetch it with 'git lfs pull', or the model with "
            + "'aperture pull'.");
    }

    private static string? Content(string path)
    {
        try
        {
            using FileStream file = InputFile.Open(path); // a pipe would be waited for
            byte[] bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return Encoding.UTF8.GetString(bytes);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return null; // whoever opens it says why
        }
    }
}
