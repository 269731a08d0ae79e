using System.Text.Json;
using Aperture.Files;
using Aperture.Models;
using Aperture.Requests;

namespace Aperture.Comparing;

/// <summary>Writes comparisons as JSON, every number unrounded.</summary>
public static class ComparisonJson
{
    /// <summary>The JSON of a comparison.</summary>
    /// <param name="comparison">The comparison.</param>
    public static string Write(Comparison comparison)
    {
        return IndentedJson.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("question", comparison.Question);
            json.WriteString("model", comparison.Model);
            comparison.MeasuredOn.Write(json);
            json.WriteStartArray("rows");
            foreach (Measurement row in comparison.Rows)
            {
                WriteRow(json, row);
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    private static void WriteRow(Utf8JsonWriter json, Measurement row)
    {
        json.WriteStartObject();
        json.WriteString("pipeline", row.Label);
        json.WriteString("answer", row.Answer);
        json.WriteNumber("visualTokens", row.VisualTokens);
        json.WriteStartArray("visualTokensByLayer");
        foreach (int count in row.VisualTokensByLayer)
        {
            json.WriteNumberValue(count);
        }

        json.WriteEndArray();
        json.WriteNumber("meanVisualTokens", row.MeanVisualTokens);
        json.WriteStartObject("flops");
        json.WriteNumber("vision", row.Flops.Vision);
        json.WriteNumber("projector", row.Flops.Projector);
        json.WriteNumber("decoder", row.Flops.Decoder);
        json.WriteNumber("head", row.Flops.Head);
        json.WriteNumber("method", row.Flops.Method);
        json.WriteNumber("total", row.Flops.Total);
        json.WriteNumber("fastV", row.Flops.FastV);
        json.WriteEndObject();
        json.WriteStartObject("milliseconds");
        json.WriteNumber("vision", row.Times.Vision);
        json.WriteNumber("projector", row.Times.Projector);
        json.WriteNumber("prefill", row.Times.Prefill);
        json.WriteNumber("prefillSpread", row.PrefillSpread);
        json.WriteNumber("method", row.Times.Method);
        json.WriteNumber("decodePerToken", row.Times.DecodePerToken);
        json.WriteEndObject();
        json.WriteNumber("cacheBytes", row.CacheBytes);
        if (row.PeakMemory is { } bytes)
        {
            json.WriteNumber("peakMemoryBytes", bytes);
        }

        json.WriteEndObject();
    }
}
