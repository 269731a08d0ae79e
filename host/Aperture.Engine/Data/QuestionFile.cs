using System.Text.Json;

namespace Aperture.Data;

/// <summary>
/// Reads JSON-lines files of questions: fields <c>image</c> (relative to the file), <c>question</c> (or <c>text</c>), <c>answer</c> (or <c>label</c>, or
/// <c>answers</c>, a list of the annotators'),
/// <c>choices</c> (a list) with <c>hint</c>, <c>type</c>, <c>question_id</c>.
/// </summary>
public static class QuestionFile
{
    private const int LongestLine = 1 << 20;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="needAnswers">Whether every line must carry an answer.</param>
    /// <exception cref="ApertureException">The file is missing or empty, or a line is damaged; the message names file and line.</exception>
    public static IReadOnlyList<QuestionItem> Read(string path, bool needAnswers)
    {
        if (!File.Exists(path))
        {
            throw new ApertureException($"There is no question file '{path}'; it holds one JSON object a line with image, question and answer.");
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? ".";
        List<QuestionItem> items = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            if (!string.IsNullOrWhiteSpace(line))
            {
                items.Add(Parse(line, $"{path}({number})", number, folder, needAnswers));
            }
        }

        string? twice = items.GroupBy(i => i.Id, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1)?.Key;
        return items.Count == 0 ? throw new ApertureException($"Question file '{path}' is empty; it needs at least one line.")
            : twice is not null ? throw new ApertureException($"Question file '{path}' has question_id '{twice}' more than once; ids must differ.")
            : items;
    }

    private static QuestionItem Parse(string line, string where, int number, string folder, bool needAnswers)
    {
        if (line.Length > LongestLine)
        {
            throw new ApertureException($"{where}: the line has {line.Length} characters, more than a question ever has.");
        }

        JsonElement json;
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            json = document.RootElement.Clone();
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"{where}: the line is not JSON ({error.BytePositionInLine} bytes in); write {{\"image\": …, \"question\": …, \"answer\": …}}.", error);
        }

        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new ApertureException($"{where}: the line holds {json.ValueKind}, not an object with image, question and answer.");
        }

        string question = Text(json, where, "question") ?? Text(json, where, "text") ?? throw new ApertureException($"{where}: the line has no question.");
        IReadOnlyList<string> answers = Texts(json, where, "answers");
        string? answer = Text(json, where, "answer") ?? Text(json, where, "label") ?? answers.GroupBy(own => own).MaxBy(own => own.Count())?.Key;
        if (needAnswers && answer is null)
        {
            throw new ApertureException($"{where}: the line has no answer, which scoring needs.");
        }

        string? image = Text(json, where, "image");
        return new QuestionItem(
            Text(json, where, "question_id") ?? $"{number}", image is null ? null : Path.Combine(folder, image), question, answer,
            Text(json, where, "type") ?? "")
        {
            Answers = answers,
            Choices = Texts(json, where, "choices"),
            Hint = Text(json, where, "hint") ?? "",
        };
    }

    private static IReadOnlyList<string> Texts(JsonElement json, string where, string key)
    {
        if (!json.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        return value.ValueKind == JsonValueKind.Array && value.EnumerateArray().All(entry => entry.ValueKind == JsonValueKind.String)
            ? [.. value.EnumerateArray().Select(entry => entry.GetString()!)]
            : throw new ApertureException($"{where}: {key} must be a list of texts.");
    }

    private static string? Text(JsonElement json, string where, string key)
    {
        if (!json.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        return value.ValueKind switch
        {
            JsonValueKind.String => value.GetString(),
            JsonValueKind.Number => value.GetRawText(),
            _ => throw new ApertureException($"{where}: {key} is {value.ValueKind} but must be text."),
        };
    }
}
