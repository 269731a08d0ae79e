using System.Text.Json;
using Aperture.Files;

namespace Aperture.Text;

/// <summary>Reads the files of a tokenizer folder with limits, so that a hostile file ends in one line instead of an exhausted machine.</summary>
internal static class TokenizerFiles
{
    private const long MaxBytes = 256L << 20;

    public static byte[] ReadBytes(string path) => InputFile.Bytes(path, MaxBytes);

    public static string ReadText(string path) => InputFile.Text(path, MaxBytes);

    public static JsonDocument ReadJson(string path)
    {
        try
        {
            return JsonText.Parse(ReadBytes(path));
        }
        catch (JsonException e)
        {
            throw new ApertureException($"{path} is no valid JSON ({e.Message}); fetch it again.", e);
        }
    }

    /// <summary>The lines of a text file without the empty ones at its end.</summary>
    public static List<string> ReadLines(string path)
    {
        List<string> lines = ReadText(path).Split('\n').Select(line => line.TrimEnd('\r')).ToList();
        while (lines.Count > 0 && lines[^1].Length == 0)
        {
            lines.RemoveAt(lines.Count - 1);
        }

        return lines;
    }
}
