using System.Runtime.InteropServices;

namespace Aperture.Files;

/// <summary>Opens files that somebody names: only regular ones, because a pipe without a writer waits for ever and a device never ends.</summary>
public static partial class InputFile
{
    private const int CurrentFolder = -100;
    private const uint AskForType = 1;
    private const int ModeOffset = 28;
    private const int TypeBits = 0xf000;
    private const int RegularFile = 0x8000;

    /// <summary>Refuses what is there and no regular file; a name that is not there is left to whoever opens it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">It is a folder, a pipe, a device or a socket; the message is a sentence about "it".</exception>
    public static void RequireRegular(string path)
    {
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
    }

    /// <summary>Opens a regular file for reading.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="IOException">It is not there or no regular file.</exception>
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

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatusOf(int folder, string path, int flags, uint mask, ref byte status);
}
