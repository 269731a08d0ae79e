using System.Globalization;
using System.Text.Json;
using Aperture.Files;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>The answers that a VQA head chooses among, by their numbers; a checkpoint does not hold them.</summary>
internal static class AnswerList
{
    private const long MaxBytes = 16 << 20;

    /// <summary>Reads a file: a JSON list, a JSON object from answers to numbers or from numbers to answers, or one answer a line.</summary>
    /// <param name="path">The file.</param>
    /// <param name="count">How many answers the head has; null for as many as the file names.</param>
    /// <exception cref="ApertureException">The file cannot be read or does not name every answer once.</exception>
    public static string[] Read(string path, int? count)
    {
        try
        {
            byte[] bytes = InputFile.Bytes(path, MaxBytes);
            string text = new System.Text.UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes).TrimStart('\uFEFF');
            string[] answers = text.AsSpan().TrimStart() is ['[' or '{', ..] ? Parse(bytes, count) : text.ReplaceLineEndings("\n").TrimEnd('\n').Split('\n');
            return answers.Length == (count ?? answers.Length) && Array.TrueForAll(answers, answer => answer is not null)
                ? answers
                : throw new ApertureException(
                    $"{path} names {answers.Count(answer => answer is not null)} answers, but there must be {count ?? answers.Length}; take the list that "
                    + "belongs to it.");
        }
        catch (Exception error) when (error is System.Text.DecoderFallbackException or JsonException or InvalidOperationException)
        {
            throw new ApertureException($"{path} cannot be read as a list of answers: {error.Message.ReplaceLineEndings(" ")}", error);
        }
    }

    private static string[] Parse(byte[] json, int? count)
    {
        using JsonDocument document = JsonText.Parse(json);
        if (document.RootElement.ValueKind == JsonValueKind.Array)
        {
            return [.. document.RootElement.EnumerateArray().Select(answer => answer.GetString()!)];
        }

        string[] answers = new string[count ?? document.RootElement.EnumerateObject().Count()];
        foreach (JsonProperty entry in document.RootElement.EnumerateObject())
        {
            bool toNumber = entry.Value.ValueKind == JsonValueKind.Number;
            (string number, string answer) = toNumber ? (entry.Value.GetRawText(), entry.Name) : (entry.Name, entry.Value.GetString() ?? "");
            if (!int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out int index) || index >= answers.Length)
            {
                throw new JsonException($"'{entry.Name}': {entry.Value.GetRawText()} is not between an answer and a number below {answers.Length}");
            }

            answers[index] = answer;
        }

        return answers;
    }
}
