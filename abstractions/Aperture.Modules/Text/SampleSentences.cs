using System.Text.Json;
using Aperture.Files;

namespace Aperture.Text;

/// <summary>The sentences of a file of samples, of which a vocabulary is made.</summary>
public static class SampleSentences
{
    /// <summary>Reads the sentences, line by line.</summary>
    /// <param name="path">JSON lines, each with <c>captions</c>, a list of sentences, or <c>text</c>, one.</param>
    /// <returns>The sentences in the file's order.</returns>
    /// <exception cref="ApertureException">The file is not there, or a line has neither.</exception>
    public static IEnumerable<string> Read(string path)
        => File.Exists(path)
            ? JsonLines.Read(path).SelectMany(line => OfLine(line.Line, $"{path}({line.Number})"))
            : throw new ApertureException($"There is no '{path}'; give JSON lines with text or captions.");

    private static string[] OfLine(byte[] line, string where)
    {
        try
        {
            using JsonDocument json = JsonText.Parse(line);
            return json.RootElement.TryGetProperty("captions", out JsonElement captions)
                ? [.. captions.EnumerateArray().Select(caption => caption.GetString() ?? "")]
                : [json.RootElement.GetProperty("text").GetString() ?? ""];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            throw new ApertureException($"{where}: the line is no object with text or captions: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}.", error);
        }
    }
}
