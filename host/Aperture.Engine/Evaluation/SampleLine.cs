using System.Text.Encodings.Web;
using System.Text.Json;
using Aperture.Data;
using Aperture.Files;

namespace Aperture.Evaluation;

/// <summary>One answer as a line of JSON.</summary>
internal static class SampleLine
{
    /// <summary>How the lines are written: letters of all languages as they are.</summary>
    public static JsonWriterOptions Writing { get; } = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The line, with its end.</summary>
    /// <param name="label">The pipeline.</param>
    /// <param name="result">The answer.</param>
    public static byte[] Write(string label, QuestionResult result)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, Writing))
        {
            json.WriteStartObject();
            json.WriteString("pipeline", label);
            json.WriteString("id", result.Item.Id);
            json.WriteNumber("line", result.Item.Line);
            json.WriteString("type", result.Item.Type);
            json.WriteString("question", result.Item.Question);
            json.WriteStartArray("right");
            foreach (string right in result.Item.RightAnswers)
            {
                json.WriteStringValue(right);
            }

            json.WriteEndArray();
            json.WriteString("answer", result.Given);
            json.WriteNumber("score", result.Score);
            json.WriteNumber("visualTokens", result.VisualTokens);
            json.WriteNumber("meanVisualTokens", result.MeanVisualTokens);
            json.WriteNumber("newTokens", result.NewTokens);
            json.WriteNumber("flops", result.Flops);
            json.WriteNumber("projectorMilliseconds", result.ProjectorMs);
            json.WriteNumber("prefillMilliseconds", result.PrefillMs);
            json.WriteNumber("decodeMilliseconds", result.DecodeMs);
            json.WriteNumber("cacheBytes", result.CacheBytes);
            if (result.Problem is not null)
            {
                json.WriteString("problem", result.Problem);
            }

            json.WriteEndObject();
        }

        return [.. buffer.ToArray(), (byte)'\n'];
    }

    /// <summary>Reads a line.</summary>
    /// <param name="line">The line without its end.</param>
    /// <param name="items">The questions by id.</param>
    /// <returns>The pipeline and the answer; null where the line is none, or of a question that there is not.</returns>
    public static (string Label, QuestionResult Result)? Read(ReadOnlyMemory<byte> line, IReadOnlyDictionary<string, QuestionItem> items)
    {
        try
        {
            using JsonDocument document = JsonText.Parse(line);
            JsonElement json = document.RootElement;
            return !items.TryGetValue(json.GetProperty("id").GetString()!, out QuestionItem? item) ? null
                : (json.GetProperty("pipeline").GetString()!, new QuestionResult(item, json.GetProperty("answer").GetString()!, Number("score"))
                {
                    VisualTokens = json.GetProperty("visualTokens").GetInt32(),
                    MeanVisualTokens = Number("meanVisualTokens"),
                    NewTokens = json.GetProperty("newTokens").GetInt32(),
                    Flops = json.GetProperty("flops").GetInt64(),
                    ProjectorMs = Number("projectorMilliseconds"),
                    PrefillMs = Number("prefillMilliseconds"),
                    DecodeMs = Number("decodeMilliseconds"),
                    CacheBytes = json.GetProperty("cacheBytes").GetInt64(),
                    Problem = json.TryGetProperty("problem", out JsonElement problem) ? problem.GetString() : null,
                });

            double Number(string name) => json.GetProperty(name).GetDouble();
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or ArgumentNullException)
        {
            return null;
        }
    }
}
