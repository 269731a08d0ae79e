using System.CommandLine;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Aperture.Benchmarks;
using Aperture.Engine;
using Aperture.Images;
using Aperture.Measuring;
using static TorchSharp.torch;

namespace Aperture.Host.Commands;

/// <summary>
/// The part of <c>bench</c> that measures a whole model at its true size: writes a random checkpoint in the published layout once (resumable), opens it by mapping, and asks one question
/// un-pruned and through FitPrune.
/// </summary>
internal static class WholeModelBench
{
    private const string Question = "What is shown in this image?";

    public static async Task<int> RunAsync(CommandContext context, ParseResult parsed, ModelShape shape, ModelOptions options, string? folder, bool json, CancellationToken cancellationToken)
    {
        ScalarType stored = options.Type is "float16" or "fp16" or "f16" ? ScalarType.Float16 : ScalarType.BFloat16;
        folder ??= Path.Combine(CacheFolder(), $"{shape.Name}-{(stored == ScalarType.Float16 ? "fp16" : "bf16")}");
        await Progressing.RunAsync(context.Terminal, "writing the checkpoint", 1000, progress =>
        {
            RandomCheckpoint.Write(folder, shape, stored, done => progress.Report((int)(done * 1000)), cancellationToken);
            return 0;
        }).ConfigureAwait(false);
        await using EngineSession session = SessionFactory.Open(context, parsed, options with { Type = "auto", Prompt = "llava_hf" });
        PeakMemory.Reset();
        long started = Stopwatch.GetTimestamp();
        Pipeline plain = session.Load(folder, cancellationToken: cancellationToken);
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        Image picture = Image.Load(Path.Combine(AppContext.BaseDirectory, "scripts", "shelf.png"));
        Pipeline pruned = plain.Plain().With("fitprune", new { Recipe = "official:llava-v1.5-7b/60" });
        Answer full = plain.AskNow(picture, Question, new() { MaxNewTokens = 8 }, null, cancellationToken);
        Answer reduced = pruned.AskNow(picture, Question, new() { MaxNewTokens = 8 }, null, cancellationToken);
        long peak = PeakMemory.Read();
        long weights = RandomCheckpoint.Weights(shape);
        double limit = (1.1 * 2 * weights) + full.CacheBytes;
        Report report = new(shape.Name, stored, plain.Model.Ops.Type, plain.Model.Ops.Threads, seconds, full, reduced, peak, weights, limit);
        context.Terminal.Output.WriteLine(json ? ToJson(report) : ToText(report));
        return 0;
    }

    private static string CacheFolder()
        => Path.Combine(Environment.GetEnvironmentVariable("XDG_CACHE_HOME") ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache"), "aperture", "bench");

    private static string ToText(Report r) => string.Join('\n',
    [
        $"{r.Shape}, stored {r.Stored}, computed in {r.Computed}, {r.Threads} thread(s)",
        $"  opened in          {r.LoadSeconds:0.00} s",
        $"  un-pruned          vision {r.Full.Times.Vision:0} ms, prefill {r.Full.Times.Prefill:0} ms, {r.Full.Times.DecodePerToken:0} ms a token, {r.Full.Flops.Total / 1e12:0.00} TFLOPs, KV {Comparison.Size(r.Full.CacheBytes)}",
        $"  fitprune 60 %      vision {r.Pruned.Times.Vision:0} ms, prefill {r.Pruned.Times.Prefill:0} ms, {r.Pruned.Times.DecodePerToken:0} ms a token, {r.Pruned.Flops.Total / 1e12:0.00} TFLOPs, KV {Comparison.Size(r.Pruned.CacheBytes)}",
        $"  peak memory        {r.Peak / 1e9:0.00} GB, {r.Peak / r.Limit:0.00} of the limit of 1.1 x 2 bytes a weight plus KV ({r.Limit / 1e9:0.00} GB, {r.Weights / 1e9:0.00} G weights)",
    ]);

    private static string ToJson(Report r)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("shape", r.Shape);
            json.WriteString("stored", r.Stored.ToString());
            json.WriteString("computed", r.Computed.ToString());
            json.WriteNumber("threads", r.Threads);
            json.WriteNumber("loadSeconds", r.LoadSeconds);
            json.WriteNumber("prefillMs", r.Full.Times.Prefill);
            json.WriteNumber("prefillFitpruneMs", r.Pruned.Times.Prefill);
            json.WriteNumber("decodeMs", r.Full.Times.DecodePerToken);
            json.WriteNumber("decodeFitpruneMs", r.Pruned.Times.DecodePerToken);
            json.WriteNumber("cacheBytes", r.Full.CacheBytes);
            json.WriteNumber("cacheFitpruneBytes", r.Pruned.CacheBytes);
            json.WriteNumber("peakBytes", r.Peak);
            json.WriteNumber("peakLimitBytes", r.Limit);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }

    private sealed record Report(string Shape, ScalarType Stored, ScalarType Computed, int Threads, double LoadSeconds, Answer Full, Answer Pruned, long Peak, long Weights, double Limit);
}
