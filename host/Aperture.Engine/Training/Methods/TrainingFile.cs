using System.Text.Json;
using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Models;
using Aperture.Requests;
using Aperture.Text;

namespace Aperture.Training;

/// <summary>
/// Reads training data: question files as <see cref="QuestionFile"/> reads them, with answers, or LLaVA's own records, one JSON array of objects with
/// <c>id</c>, <c>image</c> and <c>conversations</c>.
/// </summary>
public static class TrainingFile
{
    /// <summary>Reads a file.</summary>
    /// <param name="path">The file; pictures are named relative to it.</param>
    /// <exception cref="ApertureException">The file is missing, empty or damaged; the message names file and entry.</exception>
    public static IReadOnlyList<TrainingExample> Read(string path)
        => Path.GetExtension(path).Equals(".json", StringComparison.OrdinalIgnoreCase) && File.Exists(path)
            ? ReadRecords(path)
            :
            [
                .. QuestionFile.Read(path, needAnswers: true).Select(
                    item => new TrainingExample(item.Id, item.Image, [new("human", item.Question), new("gpt", item.Answer!)])),
            ];

    private static List<TrainingExample> ReadRecords(string path)
    {
        JsonElement json = ModelFolder.ReadJson(path);
        if (json.ValueKind != JsonValueKind.Array || json.GetArrayLength() == 0)
        {
            throw new ApertureException(
                $"'{path}' is not a list of records with image and conversations; give such a list, or JSON lines with image, question and answer.");
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? ".";
        return [.. json.EnumerateArray().Select((record, index) => Record(record, $"{path}[{index}]", folder, index))];
    }

    private static TrainingExample Record(JsonElement record, string where, string folder, int index)
    {
        if (record.ValueKind != JsonValueKind.Object
            || !record.TryGetProperty("conversations", out JsonElement turns)
            || turns.ValueKind != JsonValueKind.Array)
        {
            throw new ApertureException($"{where}: the record has no list of conversations.");
        }

        List<TrainingMessage> messages = [];
        foreach (JsonElement turn in turns.EnumerateArray())
        {
            string from = Text(turn, "from")
                ?? throw new ApertureException($"{where}: message {messages.Count + 1} does not say who speaks (from: human or gpt).");
            string value = Text(turn, "value") ?? throw new ApertureException($"{where}: message {messages.Count + 1} has no value.");
            messages.Add(new TrainingMessage(from, value.Replace(ImagePrompts.Placeholder, "", StringComparison.Ordinal).Trim()));
        }

        for (int i = 0; i < messages.Count; i++)
        {
            if (messages[i].IsUser != (i % 2 == 0))
            {
                throw new ApertureException($"{where}: message {i + 1} is from '{messages[i].From}'; human and gpt must take turns, human first.");
            }
        }

        if (messages.Count < 2)
        {
            throw new ApertureException($"{where}: the conversation has {messages.Count} message(s); it needs a question and an answer.");
        }

        string? image = Text(record, "image");
        return new TrainingExample(Text(record, "id") ?? $"{index}", image is null ? null : Path.Combine(folder, image), messages);
    }

    private static string? Text(JsonElement json, string key)
        => json.ValueKind == JsonValueKind.Object && json.TryGetProperty(key, out JsonElement value)
            ? value.ValueKind switch { JsonValueKind.String => value.GetString(), JsonValueKind.Number => value.GetRawText(), _ => null }
            : null;
}
