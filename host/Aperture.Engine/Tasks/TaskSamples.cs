using System.Text.Json;
using Aperture.Files;
using Aperture.Pipelines;

namespace Aperture.Tasks;

/// <summary>
/// Reads the samples that a task is trained on: one JSON object a line with <c>image</c> (one name or a list, relative to the file), <c>question</c> or
/// <c>text</c>, and <c>answer</c>
/// (one label, or an object of labels with scores). A line has a picture or a text; what else it has is kept by name for tasks that want it.
/// </summary>
public static class TaskSamples
{
    private const int LongestLine = 1 << 20;
    private const string Example = """{"image": "a.png", "text": "…", "answer": "…"}""";

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">The file is missing or empty, or a line is damaged; the message names file and line.</exception>
    public static IReadOnlyList<TaskSample> Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new ApertureException($"There is no file '{path}'; it holds one JSON object a line with image, text and answer.");
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? ".";
        TaskSample[] samples = [.. JsonLines.Read(path).Select(line => Parse(line.Line, $"{path}({line.Number})", folder))];
        return samples.Length > 0 ? samples : throw new ApertureException($"'{path}' is empty; it needs at least one line.");
    }

    private static TaskSample Parse(byte[] line, string where, string folder)
    {
        try
        {
            return line.Length <= LongestLine
                ? Sample(JsonLines.Parse(line), folder)
                : throw new JsonException($"it has {line.Length} bytes, more than {LongestLine}");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException)
        {
            string reason = error.Message.ReplaceLineEndings(" ").TrimEnd('.');
            throw new ApertureException(
                $"{where}: the line is not an object with image, text and answer, such as {Example}: {reason}.",
                error);
        }
    }

    private static TaskSample Sample(JsonElement json, string folder)
    {
        string[] pictures = [];
        string? question = null, text = null;
        Dictionary<string, double> labels = [];
        Dictionary<string, JsonElement> fields = new(StringComparer.Ordinal);
        foreach (JsonProperty property in json.EnumerateObject())
        {
            switch (property.Name)
            {
                case "image":
                    pictures = [.. Pictures(property.Value).Select(name => Path.Combine(folder, name))];
                    break;
                case "question":
                    question = Text(property.Value);
                    break;
                case "text":
                    text = Text(property.Value);
                    break;
                case "answer":
                    labels = Labels(property.Value);
                    break;
                default:
                    fields[property.Name] = property.Value.Clone();
                    break;
            }
        }

        return pictures.Length > 0 || question is not null || text is not null
            ? new TaskSample(pictures, question ?? text ?? "", labels) { Folder = folder, Fields = fields }
            : throw new JsonException("it has neither image nor text");
    }

    private static string[] Pictures(JsonElement image) => image.ValueKind == JsonValueKind.Array ? [.. image.EnumerateArray().Select(Text)] : [Text(image)];

    private static string Text(JsonElement value) => value.GetString() ?? throw new JsonException("null stands where a text belongs");

    private static Dictionary<string, double> Labels(JsonElement answer)
    {
        Dictionary<string, double> labels = [];
        switch (answer.ValueKind)
        {
            case JsonValueKind.Object:
                foreach (JsonProperty label in answer.EnumerateObject())
                {
                    labels[label.Name] = Math.Clamp(label.Value.GetDouble(), 0, 1);
                }

                break;
            case JsonValueKind.String:
                labels[Text(answer)] = 1;
                break;
            case JsonValueKind.Null:
                break;
            default:
                labels[answer.GetRawText()] = 1; // true, false and numbers
                break;
        }

        return labels;
    }
}
