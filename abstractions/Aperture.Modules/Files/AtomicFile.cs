using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace Aperture.Files;

/// <summary>
/// Writes files whole or not at all: an interruption leaves the old content or the new one, and what a killed run left beside is gone at the next.
/// </summary>
public static partial class AtomicFile
{
    /// <summary>Writes a file, replacing one of the same name.</summary>
    /// <param name="path">The file; its folder is created if absent.</param>
    /// <param name="content">All of its bytes.</param>
    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        string temporary = Temporary(path);
        try
        {
            File.WriteAllBytes(temporary, content);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>
    /// A name beside a file for what is going to replace it, or for a folder in which it is made, of this process's number and chance. What processes which
    /// are no more left under such names is deleted; a folder that another machine's process works in is kept by its <see cref="FolderLock"/>.
    /// </summary>
    /// <param name="path">The file to be replaced.</param>
    public static string Temporary(string path)
    {
        Sweep(path);
        return $"{path}.{Environment.ProcessId}-{Guid.NewGuid():N}.tmp";
    }

    private static void Sweep(string path)
    {
        string full = Path.GetFullPath(path), prefix = Path.GetFileName(full) + ".";
        DirectoryInfo folder = new(Path.GetDirectoryName(full)!);
        try
        {
            foreach (FileSystemInfo left in folder.Exists ? folder.EnumerateFileSystemInfos("*.tmp") : [])
            {
                if (left.Name.StartsWith(prefix, StringComparison.Ordinal)
                    && Tail().Match(left.Name[prefix.Length..]) is { Success: true } tail && !Runs(tail.Groups[1].Value))
                {
                    Discard(left);
                }
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // A folder that cannot be listed can still be written into, or says itself that it cannot.
        }
    }

    private static bool Runs(string process)
    {
        if (OperatingSystem.IsLinux())
        {
            return Directory.Exists($"/proc/{process}");
        }

        try
        {
            using Process? running = int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out int id) ? Process.GetProcessById(id) : null;
            return running is not null;
        }
        catch (ArgumentException)
        {
            return false;
        }
    }

    // Another machine's process may write through a shared folder: its lock keeps the file, and the others still go.
    private static void Discard(FileSystemInfo left)
    {
        try
        {
            if (left is DirectoryInfo { LinkTarget: null } folder)
            {
                FolderLock.Take(folder.FullName, "another run").Dispose();
                folder.Delete(recursive: true);
                return;
            }

            using (File.Open(left.FullName, FileMode.Open, FileAccess.ReadWrite, FileShare.None))
            {
                left.Delete();
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ApertureException)
        {
            // It is held, or it is not ours to delete: it stays.
        }
    }

    [GeneratedRegex(@"^([0-9]{1,10})-[0-9a-f]{32}\.tmp\z")]
    private static partial Regex Tail();
}
