using System.Text.Json;
using Aperture.Tasks;

namespace Aperture.Engine;

/// <summary>
/// Reads labelled samples of classifiers: one JSON object a line with <c>image</c> (one name or a list, relative to the file), <c>question</c> or <c>text</c>, and <c>answer</c>
/// (one label, or an object of labels with scores; left out where the task needs none).
/// </summary>
public static class ClassifierSamples
{
    private const int LongestLine = 1 << 20;

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">The file is missing or empty, or a line is damaged; the message names file and line.</exception>
    public static IReadOnlyList<ClassifierSample> Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new ApertureException($"There is no file '{path}'; it holds one JSON object a line with image, question and answer.");
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? ".";
        ClassifierSample[] samples = [.. File.ReadLines(path).Index().Where(line => !string.IsNullOrWhiteSpace(line.Item)).Select(line => Parse(line.Item, $"{path}({line.Index + 1})", folder))];
        return samples.Length > 0 ? samples : throw new ApertureException($"'{path}' is empty; it needs at least one line.");
    }

    private static ClassifierSample Parse(string line, string where, string folder)
    {
        try
        {
            using JsonDocument document = line.Length <= LongestLine ? JsonDocument.Parse(line) : throw new JsonException($"the line has {line.Length} characters");
            JsonElement json = document.RootElement;
            JsonElement image = json.GetProperty("image"), text = json.TryGetProperty("question", out JsonElement question) ? question : json.GetProperty("text");
            IEnumerable<string> pictures = image.ValueKind == JsonValueKind.Array ? image.EnumerateArray().Select(name => name.GetString()!) : [image.GetString()!];
            return new ClassifierSample([.. pictures.Select(name => Path.Combine(folder, name))], text.GetString()!, json.TryGetProperty("answer", out JsonElement answer) ? Labels(answer) : new Dictionary<string, double>());
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or ArgumentNullException)
        {
            throw new ApertureException($"{where}: the line is not an object with image, question and answer, such as {{\"image\": \"a.png\", \"question\": \"…\", \"answer\": \"…\"}}.", error);
        }
    }

    private static Dictionary<string, double> Labels(JsonElement answer) => answer.ValueKind switch
    {
        JsonValueKind.Object => answer.EnumerateObject().ToDictionary(label => label.Name, label => Math.Clamp(label.Value.GetDouble(), 0, 1)),
        JsonValueKind.String => new() { [answer.GetString()!] = 1 },
        _ => new() { [answer.GetRawText()] = 1 }, // true, false and numbers
    };
}
