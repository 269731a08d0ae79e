using System.CommandLine;
using System.Text.Json;
using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Files;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins;
using static TorchSharp.torch;

namespace Aperture.Host.Commands;

/// <summary>
/// The part of <c>bench</c> that measures a decoder of a published size with random weights: prefill beside a straight-line loop, with each method that can
/// be timed so and with all of them together, and decode beside a plain read of memory.
/// </summary>
internal static class ShapeBench
{
    public static Task<int> RunAsync(
        CommandContext context, ParseResult parsed, ModelShape shape, ShapeBenchOptions options, CancellationToken cancellationToken)
        => shape.Vision is null
            ? Task.Run(async () => await DecoderAsync(context, parsed, shape, options, cancellationToken).ConfigureAwait(false), cancellationToken)
            : WholeModelBench.RunAsync(context, parsed, shape, options, cancellationToken);

    private static async Task<int> DecoderAsync(
        CommandContext context, ParseResult parsed, ModelShape shape, ShapeBenchOptions options, CancellationToken cancellationToken)
    {
        await using PluginHost plugins = new(context.Plugins.Read(parsed));
        ShapeMethods methods = new(shape, plugins, context.Terminal.Error);
        IReadOnlyList<string> picked = ShapeRows.Pick(shape, methods.Rows, options.Only);
        IReadOnlyList<ShapeRow> rows = [.. methods.Rows.Where(row => picked.Contains(row.Name))];
        int width = picked.Max(row => row.Length);
        Device device = context.Compute.Open(parsed);
        ScalarType[] types = options.Model.ScalarType is { } asked ? [asked] : [ScalarType.BFloat16, ScalarType.Float32];
        List<StageProfile> profiles = [];

        // Before weights are made: what is refused then costs no minutes.
        if (options.ProfiledTokens is null)
        {
            methods.Check(rows);
        }

        List<Figures> results = [];
        foreach (ScalarType type in types)
        {
            context.Terminal.Error.WriteLine($"{shape.Name}, {type}: making random weights");
            using DecoderBenchmark bench = new(shape, new DecoderBenchmarkOptions
            {
                Device = device,
                Type = type,
                Weights = options.Model.Format ?? WeightFormat.Stored,
                Cache = options.Model.CacheFormat,
                Threads = context.Compute.Threads(parsed) ?? 0,
                Rounds = options.Rounds,
            });
            if (options.ProfiledTokens is { } tokens)
            {
                profiles.Add(bench.Profile(tokens, cancellationToken));
                ShowProfile(context, profiles[^1], options.Json);
                continue;
            }

            Figures figures = new(bench.MeasuredOn, bench.PromptRows);
            results.Add(figures);
            Tell($"{shape.Name}, {bench.MeasuredOn}, prompt of {bench.PromptRows} rows");
            if (Begins(ShapeRows.Decode, "decode"))
            {
                figures.Decode = bench.MeasureDecode(cancellationToken);
                Tell(Row(width, figures.Decode));
            }

            if (Begins(ShapeRows.Prefill, "prefill"))
            {
                figures.Prefill = bench.ComparePrefill(cancellationToken);
                Tell(Row(width, figures.Prefill));
            }

            foreach (ShapeRow row in rows.Where(row => Begins(row.Name, $"prefill with {row.Label}")))
            {
                ReductionComparison reduction = methods.With(row, table => bench.CompareReduction(row.Label, table, cancellationToken));
                figures.Reductions.Add((row.Name, reduction));
                Tell(Row(width, row.Name, reduction));
            }

            bool Begins(string row, string what)
            {
                if (!picked.Contains(row))
                {
                    return false;
                }

                context.Terminal.Error.WriteLine($"{shape.Name}, {type}: {what}");
                return true;
            }
        }

        if (options.Json)
        {
            context.Terminal.Output.WriteLine(options.ProfiledTokens is null ? ToJson(shape, results) : StageProfile.ToJson(profiles));
        }

        return 0;

        void Tell(string line)
        {
            if (!options.Json)
            {
                context.Terminal.Output.WriteLine(line);
                context.Terminal.Output.Flush();
            }
        }
    }

    /// <summary>Shows a profile, unless all of them are written as one document at the end.</summary>
    internal static void ShowProfile(CommandContext context, StageProfile profile, bool json)
    {
        if (!json)
        {
            new TerminalDisplay(context.Terminal).Show(profile);
            context.Terminal.Output.WriteLine();
        }
    }

    private static string Row(int width, DecodeBandwidth decode)
        => $"  {ShapeRows.Decode.PadRight(width)} {decode.MedianMs,9:0.0} ms a token   {decode.BytesPerSecond / 1e9:0.0} GB/s of weights (best of 5), "
            + $"plain read {decode.ReadBytesPerSecond / 1e9:0.0} GB/s, share {100 * decode.Share:0} % (at least 70 %)";

    private static string Row(int width, PrefillComparison prefill)
        => $"  {ShapeRows.Prefill.PadRight(width)} {prefill.ProductMs,9:0.0} ms   straight-line loop {prefill.StraightLineMs,9:0.0} ms   "
            + $"ratio {prefill.Ratio:0.000} (at most 1.02)";

    private static string Row(int width, string name, ReductionComparison reduction)
        => $"  {name.PadRight(width)} {reduction.ReducedMs,9:0.0} ms   without            {reduction.FullMs,9:0.0} ms   "
            + $"ratio {reduction.TimeRatio:0.000}, FLOPs ratio {reduction.MacRatio:0.000}   {reduction.Methods}";

    private static string ToJson(ModelShape shape, List<Figures> results)
    {
        return IndentedJson.Write(json =>
        {
            json.WriteStartArray();
            foreach (Figures figures in results)
            {
                json.WriteStartObject();
                json.WriteString("shape", shape.Name);
                figures.MeasuredOn.Write(json);
                json.WriteNumber("promptRows", figures.PromptRows);
                if (figures.Prefill is { } prefill)
                {
                    json.WriteNumber("prefillMs", prefill.ProductMs);
                    json.WriteNumber("straightLineMs", prefill.StraightLineMs);
                    json.WriteNumber("prefillRatio", prefill.Ratio);
                }

                json.WriteStartArray("methods");
                foreach ((string row, ReductionComparison reduction) in figures.Reductions)
                {
                    json.WriteStartObject();
                    json.WriteString("row", row);
                    json.WriteString("methods", reduction.Methods);
                    json.WriteNumber("milliseconds", reduction.ReducedMs);
                    json.WriteNumber("withoutMilliseconds", reduction.FullMs);
                    json.WriteNumber("timeRatio", reduction.TimeRatio);
                    json.WriteNumber("flopsRatio", reduction.MacRatio);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                if (figures.Decode is { } decode)
                {
                    json.WriteNumber("decodeMs", decode.MedianMs);
                    json.WriteNumber("decodeBestBytesPerSecond", decode.BytesPerSecond);
                    json.WriteNumber("readBytesPerSecond", decode.ReadBytesPerSecond);
                    json.WriteNumber("decodeShare", decode.Share);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
        });
    }

    // What was measured in one element type; null for a row that was not asked for.
    private sealed record Figures(MeasuredOn MeasuredOn, int PromptRows)
    {
        public DecodeBandwidth? Decode { get; set; }

        public PrefillComparison? Prefill { get; set; }

        public List<(string Row, ReductionComparison Reduction)> Reductions { get; } = [];
    }
}
