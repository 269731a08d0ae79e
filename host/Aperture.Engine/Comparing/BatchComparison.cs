using System.Text.Json;
using Aperture.Files;
using Aperture.Measuring;
using Aperture.Tables;

namespace Aperture.Comparing;

/// <summary>
/// Pipelines side by side as batches grow. What is shared by a batch (the weights' read) and what is not (a sequence's own rows) weigh differently for a
/// pipeline that prunes, so its gain at one question need not be its gain at sixteen.
/// </summary>
/// <param name="Question">The question that every member of a batch asks.</param>
/// <param name="Model">Name of the model.</param>
/// <param name="MeasuredOn">Element type, device, threads and processor.</param>
/// <param name="Tokens">Tokens of each answer.</param>
/// <param name="Rows">A measurement for each batch size and pipeline, sizes in the order asked for.</param>
public sealed record BatchComparison(string Question, string Model, MeasuredOn MeasuredOn, int Tokens, IReadOnlyList<BatchMeasurement> Rows)
{
    /// <summary>The pipeline without methods in tables.</summary>
    public const string None = "none";

    // What lies closer is taken as equal.
    private const double Noticeable = 1.02;

    /// <summary>Column heads of <see cref="Cells"/>.</summary>
    public IReadOnlyList<string> Heads => ["batch", "pipeline", "first token", "step", "tokens/s", "answers/s", "of none", "of batch 1", "KV"];

    /// <summary>The table's cells, row by row; a batch size stands where its rows begin.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Cells
        => [.. Rows.Select((row, i) => (IReadOnlyList<string>)[
            i > 0 && Rows[i - 1].Batch == row.Batch ? "" : $"{row.Batch}", row.Label, $"{row.FirstToken:0.0}", $"{row.Step:0.0}", $"{row.TokensPerSecond:0.0}",
            $"{row.AnswersPerSecond:0.00}", Ratio(OfNone(row)), Ratio(OfOne(row)), Comparison.Size(row.CacheBytes)])];

    /// <summary>What a reader must not overlook: pipelines that answer fewer questions a second than none at the same batch.</summary>
    public IReadOnlyList<string> Notes
        => [.. Rows.Where(row => OfNone(row) * Noticeable < 1).GroupBy(row => row.Batch).Select(batch =>
            $"slower than none at batch {batch.Key}: {string.Join(", ", batch.Select(row => $"{row.Label} {OfNone(row):0.00}"))}")];

    /// <summary>What stands below the table, line by line.</summary>
    public string Caption => string.Join('\n', [
        .. Notes,
        $"first token and step are ms of the whole batch, medians; every answer has {Tokens} tokens, every question its own picture to encode",
        "of none, of batch 1: answers/s beside the pipeline without methods, and beside the same pipeline alone",
        $"{Model}, {MeasuredOn}"]);

    /// <summary>The measurement's answers a second in those of the pipeline without methods at the same batch; NaN where there is none.</summary>
    /// <param name="row">A row.</param>
    public double OfNone(BatchMeasurement row) => Over(row, Rows.FirstOrDefault(other => other.Label == None && other.Batch == row.Batch));

    /// <summary>The measurement's answers a second in those of the same pipeline at batch 1; NaN where there are none.</summary>
    /// <param name="row">A row.</param>
    public double OfOne(BatchMeasurement row) => Over(row, Rows.FirstOrDefault(other => other.Label == row.Label && other.Batch == 1));

    /// <summary>The figures as JSON, every number unrounded.</summary>
    public string ToJson()
    {
        return IndentedJson.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("question", Question);
            json.WriteString("model", Model);
            MeasuredOn.Write(json);
            json.WriteNumber("tokens", Tokens);
            json.WriteStartArray("rows");
            foreach (BatchMeasurement row in Rows)
            {
                json.WriteStartObject();
                json.WriteString("pipeline", row.Label);
                json.WriteNumber("batch", row.Batch);
                json.WriteNumber("firstTokenMs", row.FirstToken);
                json.WriteNumber("stepMs", row.Step);
                json.WriteNumber("wholeMs", row.Whole);
                json.WriteNumber("answersPerSecond", row.AnswersPerSecond);
                json.WriteNumber("tokensPerSecond", row.TokensPerSecond);
                json.WriteNumber("cacheBytes", row.CacheBytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>The table as plain text.</summary>
    public override string ToString() => TableLayout.Text(TableLayout.Lines(Heads, Cells, TableLayout.PlainWidth, Question, Caption));

    private static double Over(BatchMeasurement row, BatchMeasurement? other) => other is null ? double.NaN : row.AnswersPerSecond / other.AnswersPerSecond;

    private static string Ratio(double ratio) => double.IsNaN(ratio) ? "–" : $"{ratio:0.00}";
}
