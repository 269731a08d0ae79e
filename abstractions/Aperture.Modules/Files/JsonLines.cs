using System.Text.Json;

namespace Aperture.Files;

/// <summary>Reads files of one JSON value a line, line by line and under <see cref="JsonText"/>'s rules.</summary>
public static class JsonLines
{
    /// <summary>The longest line that is read, in bytes.</summary>
    public const int LongestLine = 4 << 20;

    /// <summary>The lines of a file that hold something.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Number, counted from one, and bytes of each line; the bytes are the caller's.</returns>
    /// <exception cref="ApertureException">The file cannot be read, is UTF-16, or has a line that is longer than <see cref="LongestLine"/>.</exception>
    public static IEnumerable<(int Number, byte[] Line)> Read(string path)
    {
        using FileStream file = Open(path);
        using BufferedStream stream = new(file, 1 << 16);
        MemoryStream line = new();
        int number = 1;
        while (true)
        {
            int next = stream.ReadByte();
            if (next is >= 0 and not '\n')
            {
                if (line.Length > LongestLine)
                {
                    throw new ApertureException($"{path}({number}): the line has more than {LongestLine} bytes; such files hold one short object a line.");
                }

                line.WriteByte((byte)next);
                continue;
            }

            if (Meaning(line.ToArray(), number, path) is { Length: > 0 } bytes)
            {
                yield return (number, bytes);
            }

            if (next < 0)
            {
                yield break;
            }

            number++;
            line.SetLength(0);
        }
    }

    /// <summary>Parses a line.</summary>
    /// <param name="line">Its bytes.</param>
    /// <exception cref="JsonException">It is no JSON; the message is the reason alone.</exception>
    public static JsonElement Parse(byte[] line)
    {
        using JsonDocument document = JsonText.Parse(line);
        return document.RootElement.Clone();
    }

    private static byte[] Meaning(byte[] line, int number, string path)
    {
        if (number == 1 && line is [0xff, 0xfe, ..] or [0xfe, 0xff, ..])
        {
            throw new ApertureException($"{path} is UTF-16 text, not UTF-8; save it as UTF-8.");
        }

        ReadOnlySpan<byte> text = number == 1 && line is [0xef, 0xbb, 0xbf, ..] ? line.AsSpan(3) : line;
        return text.Trim(" \t\r\n"u8).ToArray();
    }

    private static FileStream Open(string path)
    {
        try
        {
            return InputFile.Open(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"{path} cannot be read: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}.", error);
        }
    }
}
