using System.CommandLine;
using System.Text;
using System.Text.Json;
using Aperture.Benchmarks;
using Aperture.Engine;
using Aperture.Plugins.Hosting;
using static TorchSharp.torch;

namespace Aperture.Host.Commands;

/// <summary>The part of <c>bench</c> that measures a decoder of a published size with random weights: prefill beside a straight-line loop, with each in-decoder method and all together, and decode beside a plain read of memory.</summary>
internal static class ShapeBench
{
    public static Task<int> RunAsync(CommandContext context, ParseResult parsed, ModelShape shape, ModelOptions options, int rounds, string? checkpoint, bool json, CancellationToken cancellationToken)
        => shape.Vision is null
            ? Task.Run(async () => await DecoderAsync(context, parsed, shape, options, rounds, json, cancellationToken).ConfigureAwait(false), cancellationToken)
            : WholeModelBench.RunAsync(context, parsed, shape, options, checkpoint, json, cancellationToken);

    private static async Task<int> DecoderAsync(CommandContext context, ParseResult parsed, ModelShape shape, ModelOptions options, int rounds, bool json, CancellationToken cancellationToken)
    {
        Device device = context.Compute.Open(parsed);
        ScalarType[] types = options.Type == "auto" ? [ScalarType.BFloat16, ScalarType.Float32] : [options.Type is "float32" or "f32" or "fp32" ? ScalarType.Float32 : ScalarType.BFloat16];
        await using PluginHost plugins = new(PluginCatalog.Read());
        List<(ScalarType Type, int Threads, PrefillComparison Prefill, IReadOnlyList<ReductionComparison> Reductions, DecodeBandwidth Decode)> results = [];
        foreach (ScalarType type in types)
        {
            context.Terminal.Error.WriteLine($"{shape.Name}, {type}: making random weights");
            using DecoderBenchmark bench = new(shape, new DecoderBenchmarkOptions { Device = device, Type = type, Threads = context.Compute.Threads(parsed) ?? 0, Rounds = rounds });
            context.Terminal.Error.WriteLine($"{shape.Name}, {type}: decode");
            DecodeBandwidth decode = bench.MeasureDecode(cancellationToken);
            context.Terminal.Error.WriteLine($"{shape.Name}, {type}: prefill");
            PrefillComparison prefill = bench.ComparePrefill(cancellationToken);
            using ShapeMethods methods = new(bench.Info);
            List<ReductionComparison> reductions = [];
            foreach ((string label, (string Name, object Options)[] uses) in methods.Pipelines)
            {
                context.Terminal.Error.WriteLine($"{shape.Name}, {type}: prefill with {label}");
                IReadOnlyList<LeasedMethod> leased = methods.Create(plugins, uses);
                reductions.Add(bench.CompareReduction(label, [.. leased.Select(lease => lease.Method)], cancellationToken));
                foreach (LeasedMethod lease in leased)
                {
                    lease.Dispose();
                }
            }

            results.Add((type, bench.Threads, prefill, reductions, decode));
        }

        if (json)
        {
            context.Terminal.Output.WriteLine(ToJson(shape, results));
            return 0;
        }

        foreach ((ScalarType type, int threads, PrefillComparison prefill, IReadOnlyList<ReductionComparison> reductions, DecodeBandwidth decode) in results)
        {
            TextWriter output = context.Terminal.Output;
            output.WriteLine($"{shape.Name}, {type}, {device}, {threads} thread(s), prompt of {prefill.Tokens} rows");
            output.WriteLine($"  prefill            {prefill.ProductMs,9:0.0} ms   straight-line loop {prefill.StraightLineMs,9:0.0} ms   ratio {prefill.Ratio:0.000} (at most 1.10)");
            foreach (ReductionComparison reduction in reductions)
            {
                output.WriteLine($"  prefill            {reduction.ReducedMs,9:0.0} ms   without            {reduction.FullMs,9:0.0} ms   ratio {reduction.TimeRatio:0.000}, FLOPs ratio {reduction.MacRatio:0.000}   {reduction.Methods}");
            }

            output.WriteLine($"  decode a token     {decode.MedianMs,9:0.0} ms   {decode.BytesPerSecond / 1e9:0.0} GB/s of weights (best of 5), plain read {decode.ReadBytesPerSecond / 1e9:0.0} GB/s, share {100 * decode.Share:0} % (at least 70 %)");
        }

        return 0;
    }

    private static string ToJson(ModelShape shape, List<(ScalarType Type, int Threads, PrefillComparison Prefill, IReadOnlyList<ReductionComparison> Reductions, DecodeBandwidth Decode)> results)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartArray();
            foreach ((ScalarType type, int threads, PrefillComparison prefill, IReadOnlyList<ReductionComparison> reductions, DecodeBandwidth decode) in results)
            {
                json.WriteStartObject();
                json.WriteString("shape", shape.Name);
                json.WriteString("type", type.ToString());
                json.WriteNumber("threads", threads);
                json.WriteNumber("promptRows", prefill.Tokens);
                json.WriteNumber("prefillMs", prefill.ProductMs);
                json.WriteNumber("straightLineMs", prefill.StraightLineMs);
                json.WriteNumber("prefillRatio", prefill.Ratio);
                json.WriteStartArray("methods");
                foreach (ReductionComparison reduction in reductions)
                {
                    json.WriteStartObject();
                    json.WriteString("methods", reduction.Methods);
                    json.WriteNumber("milliseconds", reduction.ReducedMs);
                    json.WriteNumber("withoutMilliseconds", reduction.FullMs);
                    json.WriteNumber("timeRatio", reduction.TimeRatio);
                    json.WriteNumber("flopsRatio", reduction.MacRatio);
                    json.WriteEndObject();
                }

                json.WriteEndArray();
                json.WriteNumber("decodeMs", decode.MedianMs);
                json.WriteNumber("decodeBestBytesPerSecond", decode.BytesPerSecond);
                json.WriteNumber("readBytesPerSecond", decode.ReadBytesPerSecond);
                json.WriteNumber("decodeShare", decode.Share);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        return Encoding.UTF8.GetString(buffer.ToArray());
    }
}
