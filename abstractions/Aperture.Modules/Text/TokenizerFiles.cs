using System.Text;
using System.Text.Json;
using Aperture.Files;

namespace Aperture.Text;

/// <summary>Reads the files of a tokenizer folder with limits, so that a hostile file ends in one line instead of an exhausted machine.</summary>
internal static class TokenizerFiles
{
    private const long MaxBytes = 256L << 20;
    private static readonly UTF8Encoding _utf8 = new(false, throwOnInvalidBytes: true);

    public static byte[] ReadBytes(string path)
    {
        try
        {
            InputFile.RequireRegular(path);
            long length = new FileInfo(path).Length;
            return length <= MaxBytes
                ? File.ReadAllBytes(path)
                : throw new ApertureException($"{path} has {length} bytes, more than the {MaxBytes} that a tokenizer file may have; it is no tokenizer file.");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"Cannot read {path}: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    public static string ReadText(string path)
    {
        try
        {
            return _utf8.GetString(ReadBytes(path)).TrimStart('\uFEFF');
        }
        catch (DecoderFallbackException e)
        {
            throw new ApertureException($"{path} is not UTF-8 text (byte {e.Index + 1}); fetch it again.", e);
        }
    }

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
