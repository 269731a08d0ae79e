using System.Text.Json;
using Aperture.Files;
using Aperture.Measuring;
using Aperture.Tables;

namespace Aperture.Comparing;

/// <summary>Pipelines side by side on two questions about one picture: what the first one leaves spares the later one its picture and the prefix.</summary>
/// <param name="First">The first question.</param>
/// <param name="Later">The later question.</param>
/// <param name="Model">Name of the model.</param>
/// <param name="MeasuredOn">Element type, device, threads and processor.</param>
/// <param name="Rows">For each pipeline the later question afresh, the first question, and the later question behind it.</param>
public sealed record LaterComparison(string First, string Later, string Model, MeasuredOn MeasuredOn, IReadOnlyList<LaterMeasurement> Rows)
{
    /// <summary>Column heads of <see cref="Cells"/>.</summary>
    public IReadOnlyList<string> Heads
        => ["pipeline", "question", "rows run", "rows kept", "pictures", "vision", "prefill", "first token", "of afresh", "answer"];

    /// <summary>The table's cells, row by row; a pipeline's name stands where its rows begin.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Cells
        => [.. Rows.Select(row => (IReadOnlyList<string>)[
            row.Asked == AskedAs.Afresh ? row.Label : "", row.Asked.ToString().ToLowerInvariant(), $"{row.Rows}", $"{row.Kept}", $"{row.Pictures}",
            $"{row.Times.Vision:0.0}", $"{row.Times.Prefill:0.0}", $"{row.Times.FirstToken:0.0}", row.Asked == AskedAs.Later ? $"{OfAfresh(row):0.00}" : "",
            row.Answer])];

    /// <summary>What a reader must not overlook: pipelines whose prefixes cannot be kept, and answers that differ from those afresh.</summary>
    public IReadOnlyList<string> Notes
    {
        get
        {
            LaterMeasurement[] later = [.. Rows.Where(row => row.Asked == AskedAs.Later)];
            string[] whole = [.. later.Where(row => row.Kept == 0).Select(row => row.Label)];
            string[] other = [.. later.Where(row => row.Answer != Afresh(row).Answer).Select(row => row.Label)];
            return
            [
                .. whole.Length == 0 ? (string[])[] : [$"no row is kept, because a method does not let them or nothing recurs: {string.Join(", ", whole)}"],
                .. other.Length == 0 ? (string[])[] : [$"another answer than afresh: {string.Join(", ", other)}"],
            ];
        }
    }

    /// <summary>What stands below the table, line by line.</summary>
    public string Caption => string.Join('\n', [
        .. Notes,
        $"first: {First}",
        "afresh and later are one question, without and with what the first one left; rows of the prompt, pictures encoded, medians in ms",
        $"{Model}, {MeasuredOn}"]);

    /// <summary>The time to the first token in that of the same question afresh.</summary>
    /// <param name="row">A row.</param>
    public double OfAfresh(LaterMeasurement row) => row.Times.FirstToken / Afresh(row).Times.FirstToken;

    /// <summary>The figures as JSON, every number unrounded.</summary>
    public string ToJson()
    {
        return IndentedJson.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("first", First);
            json.WriteString("later", Later);
            json.WriteString("model", Model);
            MeasuredOn.Write(json);
            json.WriteStartArray("rows");
            foreach (LaterMeasurement row in Rows)
            {
                json.WriteStartObject();
                json.WriteString("pipeline", row.Label);
                json.WriteString("question", row.Asked.ToString().ToLowerInvariant());
                json.WriteNumber("rowsRun", row.Rows);
                json.WriteNumber("rowsKept", row.Kept);
                json.WriteNumber("picturesEncoded", row.Pictures);
                json.WriteNumber("visionMs", row.Times.Vision);
                json.WriteNumber("projectorMs", row.Times.Projector);
                json.WriteNumber("prefillMs", row.Times.Prefill);
                json.WriteNumber("firstTokenMs", row.Times.FirstToken);
                json.WriteString("answer", row.Answer);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>The table as plain text.</summary>
    public override string ToString() => TableLayout.Text(TableLayout.Lines(Heads, Cells, TableLayout.PlainWidth, Later, Caption));

    private LaterMeasurement Afresh(LaterMeasurement row) => Rows.First(other => other.Label == row.Label && other.Asked == AskedAs.Afresh);
}
