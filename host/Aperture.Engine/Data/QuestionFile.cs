using System.Text.Json;
using Aperture.Files;

namespace Aperture.Data;

/// <summary>
/// Reads JSON-lines files of questions: fields <c>image</c> (relative to the file), <c>question</c> (or <c>text</c>), <c>answer</c> (or <c>label</c>),
/// <c>answers</c> (a list of right answers or of the annotators', as texts or as VQA's objects with <c>answer</c>), <c>choices</c> (a list) with <c>hint</c>,
/// <c>type</c>, <c>question_id</c>.
/// </summary>
public static class QuestionFile
{
    private const int LongestLine = 1 << 20;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="needAnswers">Whether every line must carry an answer.</param>
    /// <exception cref="ApertureException">
    /// The file is missing or empty, or lines are damaged; the message names the file, what is wrong with the first of them, and the others' numbers.
    /// </exception>
    public static IReadOnlyList<QuestionItem> Read(string path, bool needAnswers)
    {
        if (!File.Exists(path))
        {
            throw new ApertureException($"There is no question file '{path}'; it holds one JSON object a line with image, question and answer.");
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? ".";
        List<QuestionItem> items = [];
        Dictionary<string, int> lines = new(StringComparer.Ordinal);
        LineProblems problems = new();
        foreach ((int number, byte[] line) in JsonLines.Read(path))
        {
            problems.Check(number, () => items.Add(Unique(Parse(line, path, number, folder, needAnswers), lines)));
        }

        problems.ThrowIfAny();
        return items.Count == 0 ? throw new ApertureException($"Question file '{path}' is empty; it needs at least one line.") : items;
    }

    private static QuestionItem Unique(QuestionItem item, Dictionary<string, int> lines)
        => lines.TryAdd(item.Id, item.Line) ? item
            : throw new ApertureException($"{item.Where}: question_id '{item.Id}' stands in line {lines[item.Id]} already; ids must differ.");

    private static QuestionItem Parse(byte[] line, string path, int number, string folder, bool needAnswers)
    {
        string where = $"{path}({number})";
        if (line.Length > LongestLine)
        {
            throw new ApertureException($"{where}: the line has {line.Length} bytes, more than a question ever has.");
        }

        JsonElement json;
        try
        {
            json = JsonLines.Parse(line);
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"{where}: the line is not JSON ({error.Message}); write {{\"image\": …, \"question\": …, \"answer\": …}}.", error);
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
            File = path,
            Line = number,
        };
    }

    private static IReadOnlyList<string> Texts(JsonElement json, string where, string key)
    {
        if (!json.TryGetProperty(key, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return [];
        }

        return value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(entry => Entry(entry, where, key))]
            : throw new ApertureException($"{where}: {key} must be a list of texts.");
    }

    private static string Entry(JsonElement entry, string where, string key) => entry.ValueKind switch
    {
        JsonValueKind.String => entry.GetString()!,
        JsonValueKind.Number => entry.GetRawText(),
        JsonValueKind.Object when Text(entry, where, "answer") is { } answer => answer,
        _ => throw new ApertureException($"{where}: {key} must be a list of texts, and one of them is {entry.ValueKind}."),
    };

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
