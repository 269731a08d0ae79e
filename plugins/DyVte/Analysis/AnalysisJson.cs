using System.Text.Json;
using Aperture.Files;
using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>
/// Writes a report as JSON: format, version, model, what it was measured on, stages, metrics by layer with mean and standard deviation, exits, pipelines.
/// </summary>
internal static class AnalysisJson
{
    private const string Format = "dyvte-analysis";
    private const int Version = 1;

    /// <summary>The report as JSON.</summary>
    /// <param name="report">The report.</param>
    public static string Of(AnalysisReport report)
    {
        return IndentedJson.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("format", Format);
            json.WriteNumber("version", Version);
            json.WriteString("model", report.Model);
            report.MeasuredOn.Write(json);
            json.WriteNumber("layers", report.Layers);
            json.WriteNumber("samples", report.Samples);
            WriteStages(json, report);
            json.WriteStartObject("metrics");
            foreach (MetricSeries metric in report.Metrics)
            {
                WriteMetric(json, metric);
            }

            json.WriteEndObject();
            WriteSweep(json, report.Sweep);
            WritePipelines(json, report.Pipelines);
            json.WriteEndObject();
        });
    }

    private static void WriteStages(Utf8JsonWriter json, AnalysisReport report)
    {
        json.WriteStartObject("stages");
        WriteOrNull(json, "fusionEnd", report.Stages.FusionEnd);
        WriteOrNull(json, "reasoningStart", report.Stages.ReasoningStart);
        json.WriteNumber("suggestedExit", report.Stages.SuggestedExit);
        json.WriteNumber("comparedExit", report.ComparedExit);
        json.WriteEndObject();
    }

    private static void WriteMetric(Utf8JsonWriter json, MetricSeries metric)
    {
        json.WriteStartObject(metric.Name);
        json.WriteStartArray("columns");
        foreach (string column in metric.Columns)
        {
            json.WriteStringValue(column);
        }

        json.WriteEndArray();
        WriteRows(json, "mean", metric.Mean);
        WriteRows(json, "std", metric.Deviation);
        json.WriteEndObject();
    }

    private static void WriteSweep(Utf8JsonWriter json, ExitSweep? sweep)
    {
        if (sweep is null)
        {
            return;
        }

        json.WriteStartObject("exits");
        WriteNumbers(json, "layers", sweep.Layers.Select(layer => (double)layer));
        WriteNumbers(json, "agreement", sweep.Agreement);
        WriteNumbers(json, "sameAnswer", sweep.SameAnswer);
        WriteNumbers(json, "crossEntropyRatio", sweep.CrossEntropyRatio);
        WriteNumbers(json, "acceptable", sweep.Acceptable);
        if (sweep.Accuracy is { } accuracy)
        {
            WriteNumbers(json, "accuracy", accuracy);
        }

        WriteNumbers(json, "stableFrom", sweep.StableHistogram.Select(count => (double)count));
        json.WriteStartObject("stableFromByType");
        foreach (IGrouping<string, SweptSample> type in sweep.Samples.GroupBy(sample => sample.Type))
        {
            WriteNumbers(json, type.Key, sweep.Layers.Select(layer => (double)type.Count(sample => sample.StableFrom == layer)));
        }

        json.WriteEndObject();
        json.WriteEndObject();
    }

    private static void WritePipelines(Utf8JsonWriter json, IReadOnlyList<ExecutedLayers> pipelines)
    {
        json.WriteStartArray("pipelines");
        foreach (ExecutedLayers pipeline in pipelines)
        {
            json.WriteStartObject();
            json.WriteString("pipeline", pipeline.Pipeline);
            json.WriteNumber("meanExecutedVisualLayers", pipeline.Mean);
            WriteNumbers(json, "histogram", pipeline.Histogram.Select(count => (double)count));
            if (pipeline.Accuracy is { } accuracy)
            {
                json.WriteNumber("accuracy", accuracy);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteOrNull(Utf8JsonWriter json, string name, int? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, number);
        }
        else
        {
            json.WriteNull(name);
        }
    }

    private static void WriteRows(Utf8JsonWriter json, string name, double[][] rows)
    {
        json.WriteStartArray(name);
        foreach (double[] row in rows)
        {
            json.WriteStartArray();
            Array.ForEach(row, value => WriteNumber(json, value));
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<double> values)
    {
        json.WriteStartArray(name);
        foreach (double value in values)
        {
            WriteNumber(json, value);
        }

        json.WriteEndArray();
    }

    // JSON has no NaN: what was not measured is null.
    private static void WriteNumber(Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumberValue(value);
        }
        else
        {
            json.WriteNullValue();
        }
    }
}
