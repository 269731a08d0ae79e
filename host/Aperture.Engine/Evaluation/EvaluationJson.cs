using System.Text;
using System.Text.Json;

namespace Aperture.Evaluation;

/// <summary>Writes evaluations as JSON, every number unrounded.</summary>
public static class EvaluationJson
{
    /// <summary>The JSON of an evaluation: one object a pipeline.</summary>
    /// <param name="result">The evaluation.</param>
    public static string Write(EvaluationResult result)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, SampleLine.Writing with { Indented = true }))
        {
            json.WriteStartArray();
            foreach (EvaluationReport report in result.Reports)
            {
                json.WriteStartObject();
                Write(json, report, result.Scoring);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private static void Write(Utf8JsonWriter json, EvaluationReport report, string scoring)
    {
        json.WriteString("pipeline", report.Label);
        json.WriteString("model", report.Model);
        report.MeasuredOn.Write(json);
        json.WriteString("scoredBy", scoring);
        json.WriteNumber("questions", report.Results.Count);
        if (report.Broken > 0)
        {
            json.WriteNumber("broken", report.Broken);
        }

        json.WriteNumber("accuracy", report.Accuracy);
        json.WriteNumber("halfWidth95", report.HalfWidth);
        if (report.Against is { } against)
        {
            json.WriteStartObject("against");
            json.WriteString("pipeline", against.Against);
            json.WriteNumber("difference", against.Difference);
            json.WriteNumber("halfWidth95", against.HalfWidth);
            json.WriteNumber("p", against.P);
            json.WriteString("test", against.Test);
            json.WriteEndObject();
        }

        if (report.BudgetOf.Count > 0)
        {
            json.WriteStartArray("budgetOf");
            foreach (string label in report.BudgetOf)
            {
                json.WriteStringValue(label);
            }

            json.WriteEndArray();
        }

        foreach ((string figure, double value) in report.Figures)
        {
            json.WriteNumber(figure, value);
        }

        json.WriteStartObject("byType");
        foreach ((string type, double right, int count) in report.ByType)
        {
            json.WriteStartObject(type);
            json.WriteNumber("right", right);
            json.WriteNumber("count", count);
            json.WriteEndObject();
        }

        json.WriteEndObject();
        json.WriteNumber("meanVisualTokens", report.MeanVisualTokens);
        json.WriteNumber("meanFlops", report.MeanFlops);
        json.WriteNumber("prefillMilliseconds", report.PrefillMs);
        json.WriteNumber("decodeMilliseconds", report.DecodeMs);
        json.WriteNumber("meanCacheBytes", report.MeanCacheBytes);
    }
}
