namespace Aperture.Files;

/// <summary>Writes small files whole or not at all: an interruption leaves the old content or the new one.</summary>
public static class AtomicFile
{
    /// <summary>Writes a file, replacing one of the same name.</summary>
    /// <param name="path">The file; its folder is created if absent.</param>
    /// <param name="content">All of its bytes.</param>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        File.WriteAllBytes(temporary, content);
        File.Move(temporary, path, overwrite: true);
    }
}
