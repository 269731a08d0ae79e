namespace Aperture.Plugins.GammaMod;

/// <summary>Replaces a file in one step, so that an interruption leaves the old content or the new one.</summary>
internal static class AtomicFile
{
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        string partial = $"{path}.{Environment.ProcessId}.partial";
        File.WriteAllBytes(partial, content);
        File.Move(partial, path, overwrite: true);
    }
}
