// Decoders of published shapes with random weights on a device: prompts of several lengths, single tokens, and the share of the memory's speed that tokens
// reach.
//
//     aperture run --device cuda scripts/gpu/shapes.csx -- --device cuda --shape llama-1.1b --rows 640,2944
//
// 640 rows are a picture of LLaVA-1.5 and its question, 2944 one of LLaVA-NeXT in five tiles. Medians; `lean.py` beside it prints the same lines.
using System.Diagnostics;
using Aperture.Benchmarks;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

Dictionary<string, string> given = new()
{
    ["--device"] = "cuda", ["--shape"] = "llama-1.1b", ["--rows"] = "640", ["--tokens"] = "48", ["--rounds"] = "5", ["--layers"] = "", ["--dtype"] = "bfloat16",
};
for (int i = 0; i + 1 < Args.Count; i += 2)
{
    given[given.ContainsKey(Args[i]) ? Args[i] : throw new ApertureException($"'{Args[i]}' is no option; there are {string.Join(", ", given.Keys)}.")]
        = Args[i + 1];
}

Device device = new(given["--device"]);
bool isCuda = device.type == DeviceType.CUDA;
ModelShape shape = ModelShape.Find(given["--shape"]) with { Vision = null };
if (given["--layers"].Length > 0)
{
    shape = shape with { Decoder = shape.Decoder with { Layers = int.Parse(given["--layers"]) } };
}

int tokens = int.Parse(given["--tokens"]), rounds = int.Parse(given["--rounds"]);
double bandwidth = Bandwidth();
Print($"{shape.Name}, {shape.Decoder.Layers} layers, {given["--dtype"]} on {device}; a copy moves {bandwidth / 1e9:0} GB/s");
int[] lengths = [.. given["--rows"].Split(',').Select(int.Parse)];
using DecoderBenchmark bench = new(shape, new DecoderBenchmarkOptions
{
    Device = device, Type = given["--dtype"] == "float32" ? ScalarType.Float32 : ScalarType.BFloat16, VisualTokens = lengths.Max(), TextTokens = 0,
});
foreach (int rows in lengths)
{
    List<double> prefill = [], decode = [];
    for (int round = 0; round <= rounds; round++)
    {
        var (first, later) = bench.Run(rows, tokens, Cancellation);
        if (round > 0) // the first warms up
        {
            prefill.Add(first);
            decode.AddRange(later);
        }
    }

    double prompt = Median(prefill), token = Median(decode), read = bench.StreamedBytes / token * 1000;
    Print(FormattableString.Invariant($"  {rows,5} rows: prefill {prompt,8:0.0} ms, {rows / prompt * 1000,8:0} rows/s; token {token,7:0.00} ms, ")
        + FormattableString.Invariant($"{1000 / token,6:0.0} a second, {read / 1e9,6:0} GB/s of weights, {100 * read / bandwidth:0} % of the copy"));
}

// Bytes that a copy reads and writes a second: the best of some.
double Bandwidth()
{
    using var quiet = inference_mode();
    long bytes = isCuda ? 1L << 30 : 1L << 27;
    using Tensor from = zeros(bytes / 4, device: device), to = zeros(bytes / 4, device: device);
    double best = double.PositiveInfinity;
    for (int round = 0; round < 10; round++)
    {
        Wait();
        long started = Stopwatch.GetTimestamp();
        to.copy_(from);
        Wait();
        best = Math.Min(best, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    return 2 * bytes / best;
}

void Wait()
{
    if (isCuda)
    {
        cuda.synchronize(device);
    }
}

static double Median(IEnumerable<double> values)
{
    double[] sorted = [.. values.Order()];
    return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
}
