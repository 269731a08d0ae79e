using System.Runtime.InteropServices;
using System.Text;

namespace Aperture.Files;

/// <summary>
/// Opens files that somebody names: only regular ones, because a pipe without a writer waits for ever and a device never ends, and only files themselves, not
/// what Git leaves in their place.
/// </summary>
public static partial class InputFile
{
    private const int CurrentFolder = -100;
    private const uint AskForType = 1;
    private const int ModeOffset = 28;
    private const int TypeBits = 0xf000;
    private const int RegularFile = 0x8000;

    private static readonly UTF8Encoding _utf8 = new(false, throwOnInvalidBytes: true);

    /// <summary>Refuses what is there and no regular file; a name that is not there is left to whoever opens it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">It is a folder, a pipe, a device or a socket; the message is a sentence about "it".</exception>
    /// <exception cref="ApertureException">It is a pointer of Git LFS.</exception>
    public static void RequireRegular(string path)
    {
        if (!OperatingSystem.IsLinux())
        {
            RequireNoFolder(path);
            LfsPointer.Refuse(path);
            return;
        }

        Span<byte> status = stackalloc byte[256];
        if (path.Contains('\0', StringComparison.Ordinal) || StatusOf(CurrentFolder, path, 0, AskForType, ref MemoryMarshal.GetReference(status)) != 0)
        {
            return;
        }

        int kind = MemoryMarshal.Read<ushort>(status[ModeOffset..]) & TypeBits;
        if (kind != RegularFile)
        {
            throw new IOException(kind switch
            {
                0x1000 => "it is a pipe, not a file",
                0x4000 => "it is a folder, not a file",
                0xc000 => "it is a socket, not a file",
                _ => "it is a device, not a file",
            });
        }

        LfsPointer.Refuse(path);
    }

    // What .NET knows without asking the system for the kind.
    private static void RequireNoFolder(string path)
    {
        if (Directory.Exists(path))
        {
            throw new IOException("it is a folder, not a file");
        }
    }

    /// <summary>Opens a regular file for reading.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">It is not there or no regular file.</exception>
    /// <exception cref="ApertureException">It is a pointer of Git LFS.</exception>
    public static FileStream Open(string path)
    {
        RequireRegular(path);
        return File.OpenRead(path);
    }

    /// <summary>Reads a whole file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="largest">The most bytes it may have.</param>
    /// <exception cref="ApertureException">It cannot be read or is larger; the message names it.</exception>
    public static byte[] Bytes(string path, long largest)
    {
        try
        {
            using FileStream file = Open(path);
            if (file.Length > largest)
            {
                throw new ApertureException($"{path} has {file.Length} bytes, more than the {largest} that such a file may have; check which file it is.");
            }

            byte[] bytes = new byte[file.Length];
            file.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new ApertureException($"{path} cannot be read: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}.", error);
        }
    }

    /// <summary>Reads a whole text.</summary>
    /// <param name="path">The file: UTF-8, with or without a byte-order mark.</param>
    /// <param name="largest">The most bytes it may have.</param>
    /// <exception cref="ApertureException">It cannot be read, is larger, or is no UTF-8; the message names it.</exception>
    public static string Text(string path, long largest)
    {
        byte[] bytes = Bytes(path, largest);
        try
        {
            return _utf8.GetString(bytes).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException error)
        {
            throw new ApertureException($"{path} is not UTF-8 text (byte {error.Index + 1}); save it as UTF-8, or fetch it again.", error);
        }
    }

    /// <summary>Reads the lines of a whole text.</summary>
    /// <param name="path">The file: UTF-8, with or without a byte-order mark.</param>
    /// <param name="largest">The most bytes it may have.</param>
    /// <returns>The lines without their ends; a line feed at the end of the file begins none.</returns>
    /// <exception cref="ApertureException">It cannot be read, is larger, or is no UTF-8; the message names it.</exception>
    public static string[] Lines(string path, long largest)
    {
        string text = Text(path, largest).ReplaceLineEndings("\n");
        return text.Length == 0 ? [] : (text.EndsWith('\n') ? text[..^1] : text).Split('\n');
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatusOf(int folder, string path, int flags, uint mask, ref byte status);
}
