using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using Aperture.Benchmarks;
using Aperture.Comparing;
using Aperture.Decoding;
using Aperture.Files;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using static TorchSharp.torch;

namespace Aperture.Host.Commands;

/// <summary>
/// The part of <c>bench</c> that measures a whole model at its true size: writes a random checkpoint in the published layout once (resumable), opens it by
/// mapping, and asks one question un-pruned and through each method that needs no weights of its own.
/// </summary>
internal static class WholeModelBench
{
    private const string Question = "What is shown in this image?";
    private const int LabelWidth = 20;

    public static async Task<int> RunAsync(
        CommandContext context, ParseResult parsed, ModelShape shape, ShapeBenchOptions options, CancellationToken cancellationToken)
    {
        ScalarType stored = options.Model.ScalarType ?? ScalarType.BFloat16;
        if (stored == ScalarType.Float32)
        {
            throw new ApertureException($"--dtype {options.Model.Type}: a whole model is stored at two bytes a weight; give bfloat16 or float16.");
        }

        string folder = options.Checkpoint ?? Path.Combine(CacheFolder(), $"{shape.Name}-{(stored == ScalarType.Float16 ? "fp16" : "bf16")}");
        await using EngineSession session = SessionFactory.Open(context, parsed, options.Model with { Type = "auto", Prompt = "llava_hf" });
        ShapeMethods methods = new(shape, session.Plugins, context.Terminal.Error);
        IReadOnlyList<string> picked = ShapeRows.Pick(shape, methods.Rows, options.Only);
        IReadOnlyList<ShapeRow> rows = [.. methods.Rows.Where(row => picked.Contains(row.Name))];

        // Before the checkpoint is written: what is refused then costs no minutes.
        methods.Check(rows);
        await Progressing.RunAsync(context.Terminal, "writing the checkpoint", 1000, progress =>
        {
            RandomCheckpoint.Write(folder, shape, stored, done => progress.Report((int)(done * 1000)), cancellationToken);
            return 0;
        }).ConfigureAwait(false);
        PeakMemory.Reset();
        long started = Stopwatch.GetTimestamp();
        Pipeline plain = session.Load(folder, cancellationToken: cancellationToken);
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        MeasuredOn measuredOn = MeasuredOn.Of(plain.Model.Ops);
        Tell($"{shape.Name}, stored {stored}, computed in {measuredOn}");
        Tell($"  {"opened in".PadRight(LabelWidth)} {seconds:0.00} s");
        Image picture = Image.Load(Path.Combine(AppContext.BaseDirectory, "scripts", "shelf.png"));
        if (options.ProfiledTokens is { } tokens)
        {
            StageProfile profile = StageProfiler.Profile(
                plain, picture, Question, new() { Runs = options.Rounds, Generation = new() { MaxNewTokens = tokens } }, null, cancellationToken);
            ShapeBench.ShowProfile(context, profile, options.Json);
            if (options.Json)
            {
                context.Terminal.Output.WriteLine(StageProfile.ToJson([profile]));
            }

            return 0;
        }

        List<(ShapeRow Row, Answer Answer)> answers = [];
        if (picked.Contains(ShapeRows.Unpruned))
        {
            Ask(new ShapeRow(ShapeRows.Unpruned, ShapeRows.Unpruned, []));
        }

        foreach (ShapeRow row in rows)
        {
            Ask(row);
        }

        long peak = PeakMemory.Read();
        long weights = RandomCheckpoint.Weights(shape);
        double limit = (1.1 * 2 * weights) + answers.Max(answer => answer.Answer.CacheBytes);
        Tell($"  {"peak memory".PadRight(LabelWidth)} {peak / 1e9:0.00} GB, {peak / limit:0.00} of the limit of 1.1 x 2 bytes a weight plus KV "
            + $"({limit / 1e9:0.00} GB, {weights / 1e9:0.00} G weights)");
        if (options.Json)
        {
            context.Terminal.Output.WriteLine(ToJson(new Report(shape.Name, stored, measuredOn, seconds, answers, peak, limit)));
        }

        return 0;

        void Ask(ShapeRow row)
        {
            using Pipeline pipeline = row.Methods.Aggregate(plain.Plain(), (made, method) => made.With(method));
            Answer answer = pipeline.AskNow(picture, Question, new() { MaxNewTokens = 8 }, null, cancellationToken);
            answers.Add((row, answer));
            Tell($"  {row.Label.PadRight(LabelWidth)} vision {answer.Times.Vision:0} ms, prefill {answer.Times.Prefill:0} ms, "
                + $"{answer.Times.DecodePerToken:0} ms a token, {answer.Flops.Total / 1e12:0.00} TFLOPs, KV {Comparison.Size(answer.CacheBytes)}");
        }

        void Tell(string line)
        {
            if (!options.Json)
            {
                context.Terminal.Output.WriteLine(line);
                context.Terminal.Output.Flush();
            }
        }
    }

    private static string CacheFolder()
        => UserFolders.Below(UserFolders.Cache, "aperture", "bench")
            ?? throw new ApertureException("There is no home folder to keep the made checkpoints in; set XDG_CACHE_HOME to a folder that can be written.");

    private static string ToJson(Report r)
    {
        return IndentedJson.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("shape", r.Shape);
            json.WriteString("stored", r.Stored.ToString());
            r.MeasuredOn.Write(json);
            json.WriteNumber("loadSeconds", r.LoadSeconds);
            json.WriteStartArray("rows");
            foreach ((ShapeRow row, Answer answer) in r.Answers)
            {
                json.WriteStartObject();
                json.WriteString("row", row.Name);
                json.WriteString("methods", row.Label);
                json.WriteNumber("prefillMs", answer.Times.Prefill);
                json.WriteNumber("decodeMs", answer.Times.DecodePerToken);
                json.WriteNumber("cacheBytes", answer.CacheBytes);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteNumber("peakBytes", r.Peak);
            json.WriteNumber("peakLimitBytes", r.Limit);
            json.WriteEndObject();
        });
    }

    private sealed record Report(
        string Shape,
        ScalarType Stored,
        MeasuredOn MeasuredOn,
        double LoadSeconds,
        IReadOnlyList<(ShapeRow Row, Answer Answer)> Answers,
        long Peak,
        double Limit);
}
