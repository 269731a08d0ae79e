using System.Text.Json;
using Aperture.Files;
using Aperture.Tables;

namespace Aperture.Measuring;

/// <summary>
/// Where the time of one question goes by stage: on the way to its first token, and to a later one. Both are passes that were really run, the fastest, so that
/// their stages add up.
/// </summary>
/// <param name="Title">What was asked.</param>
/// <param name="Label">The pipeline.</param>
/// <param name="Model">Name of the model.</param>
/// <param name="MeasuredOn">Element type, device, threads and processor.</param>
/// <param name="Rows">Rows of the prompt.</param>
/// <param name="First">To the first token, the picture included.</param>
/// <param name="Later">To a later token.</param>
public sealed record StageProfile(string Title, string Label, string Model, MeasuredOn MeasuredOn, int Rows, StagePass First, StagePass Later)
{
    private static readonly ForwardStage[] _products =
        [ForwardStage.QueryKeyValue, ForwardStage.AttentionOutput, ForwardStage.GateUp, ForwardStage.Down, ForwardStage.OutputMatrix];

    /// <summary>Bytes of the key/value cache at the end of the answer.</summary>
    public long CacheBytes { get; init; }

    /// <summary>Column heads of <see cref="Cells"/>.</summary>
    public IReadOnlyList<string> Heads => ["token", "stage", "calls", "ms", "share", "rate"];

    /// <summary>The table's cells, row by row.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Cells => [.. Of(First, "first", OperationRate), .. Of(Later, "later", ReadRate)];

    /// <summary>What stands below the table, line by line.</summary>
    public string Caption => string.Join('\n', [
        $"first: the prompt of {Rows} rows; GFLOP/s count two a multiply-accumulate. later: one row; GB/s are those of the stored weights",
        $"the decoder's products: {Share(First, Sum(First))} of the first token at {OperationRate(Sum(First))}, "
            + $"{Share(Later, Sum(Later))} of a later one at {ReadRate(Sum(Later))}",
        "between stages: managed code, and waiting for a core; both passes are the fastest of all runs",
        $"KV {ByteSize.Text(CacheBytes)} at the end of the answer",
        $"{Model}, {Label}, {MeasuredOn}"]);

    /// <summary>How tables name a stage.</summary>
    /// <param name="stage">The stage.</param>
    public static string NameOf(ForwardStage stage) => stage switch
    {
        ForwardStage.Preparation => "picture preparation",
        ForwardStage.Encoder => "picture encoder",
        ForwardStage.Projector => "projector",
        ForwardStage.Embedding => "embedding rows",
        ForwardStage.Norm => "norms",
        ForwardStage.QueryKeyValue => "query, key, value",
        ForwardStage.Rotary => "rotary positions",
        ForwardStage.Cache => "into the KV cache",
        ForwardStage.Attention => "attention",
        ForwardStage.AttentionOutput => "attention output",
        ForwardStage.GateUp => "feed-forward, first",
        ForwardStage.Activation => "activation",
        ForwardStage.Down => "feed-forward, last",
        ForwardStage.Residual => "residual",
        ForwardStage.OutputMatrix => "output matrix",
        ForwardStage.Sampling => "sampling",
        ForwardStage.Method => "methods",
        _ => throw new ArgumentOutOfRangeException(nameof(stage), stage, "This is no stage."),
    };

    /// <summary>The figures as JSON, every number unrounded.</summary>
    /// <param name="profiles">The profiles.</param>
    public static string ToJson(IReadOnlyList<StageProfile> profiles)
    {
        return IndentedJson.Write(json =>
        {
            json.WriteStartArray();
            foreach (StageProfile profile in profiles)
            {
                json.WriteStartObject();
                json.WriteString("title", profile.Title);
                json.WriteString("model", profile.Model);
                json.WriteString("pipeline", profile.Label);
                profile.MeasuredOn.Write(json);
                json.WriteNumber("promptRows", profile.Rows);
                json.WriteNumber("cacheBytes", profile.CacheBytes);
                Write(json, "first", profile.First);
                Write(json, "later", profile.Later);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    /// <summary>The table as plain text.</summary>
    public override string ToString() => TableLayout.Text(TableLayout.Lines(Heads, Cells, TableLayout.PlainWidth, Title, Caption));

    private static IEnumerable<IReadOnlyList<string>> Of(StagePass pass, string token, Func<StageTime, string> rate)
    {
        string name = token;
        foreach (StageTime stage in pass.Stages)
        {
            yield return [name, NameOf(stage.Stage), $"{stage.Calls}", Milliseconds(stage.Milliseconds), Share(pass, stage), rate(stage)];
            name = "";
        }

        yield return [name, "between stages", "", Milliseconds(pass.Rest), Share(pass, pass.Rest), ""];
        yield return ["", "all", "", Milliseconds(pass.Milliseconds), Share(pass, pass.Milliseconds), ""];
    }

    private static StageTime Sum(StagePass pass)
    {
        StageTime[] products = [.. pass.Stages.Where(stage => _products.Contains(stage.Stage))];
        return new StageTime(
            ForwardStage.OutputMatrix, products.Sum(stage => stage.Calls), products.Sum(stage => stage.Milliseconds), products.Sum(stage => stage.Macs),
            products.Sum(stage => stage.WeightBytes));
    }

    private static string Milliseconds(double milliseconds) => $"{milliseconds:0.000}";

    private static string Share(StagePass pass, StageTime stage) => Share(pass, stage.Milliseconds);

    private static string Share(StagePass pass, double milliseconds) => $"{100 * milliseconds / pass.Milliseconds:0.0} %";

    private static string OperationRate(StageTime stage) => stage.Macs == 0 ? "" : $"{2 * stage.Macs / stage.Milliseconds / 1e6:0.0} GFLOP/s";

    private static string ReadRate(StageTime stage) => stage.WeightBytes == 0 ? "" : $"{stage.WeightBytes / stage.Milliseconds / 1e6:0.0} GB/s";

    private static void Write(Utf8JsonWriter json, string name, StagePass pass)
    {
        json.WriteStartObject(name);
        json.WriteNumber("milliseconds", pass.Milliseconds);
        json.WriteNumber("restMilliseconds", pass.Rest);
        json.WriteStartArray("stages");
        foreach (StageTime stage in pass.Stages)
        {
            json.WriteStartObject();
            json.WriteString("stage", stage.Stage.ToString());
            json.WriteNumber("calls", stage.Calls);
            json.WriteNumber("milliseconds", stage.Milliseconds);
            json.WriteNumber("macs", stage.Macs);
            json.WriteNumber("weightBytes", stage.WeightBytes);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }
}
