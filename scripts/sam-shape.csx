// Segment Anything at the true shape of ViT-B: random weights in the published layout, one picture of 1024 pixels, timed by stage, beside libtorch's time for
// the same matrix products and convolutions alone. Blocks in windows, blocks that attend everywhere and the rest (patches, neck, mask decoder) are told apart.
//
//     aperture run scripts/sam-shape.csx -- --threads 1
//
// Times are those of the processor, not of the clock (threads together), so that other work on the machine counts less.
#load "sam-weights.csx"
using System.Diagnostics;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

const int Width = 768, Blocks = 12, Heads = 12, Side = 64, Window = 14, Prompt = 256;
int threads = Args.Count == 2 && Args[0] == "--threads" && int.TryParse(Args[1], out int asked) ? asked : 1;
set_num_threads(threads);
string file = Path.Combine(Path.GetTempPath(), $"sam-shape-{Environment.ProcessId}.safetensors");
TimeSpan Now() => Process.GetCurrentProcess().TotalProcessorTime;

// Milliseconds of the products of a block in windows and of one that attends everywhere: projections, logits, values, relative positions, feed-forward network;
// and of what is around the blocks: patches, neck, and of the mask decoder the image's projections and its two convolutions.
(double Window, double Everywhere, double Around) Bare(ScalarType type)
{
    using var quiet = inference_mode();
    using var scope = NewDisposeScope();
    Tensor Random(params long[] shape) => randn(shape).to_type(type);
    int padded = (
        Side + Window - 1) / Window * Window, windows = padded / Window * (padded / Window), area = Window * Window, places = Side * Side, head = Width / Heads;
    Tensor x = Random(places, Width), wide = Random(
        places, 4 * Width), qkv = Random(3 * Width, Width), square = Random(Width, Width), up = Random(4 * Width, Width), down = Random(Width, 4 * Width);
    Tensor inWindows = Random(windows * area, Width), q = Random(Heads, places, head), some = Random(Heads, 512, places), rows = Random(
        Side, Heads * Side, head), table = Random(Side, head, Side);
    Tensor small = Random(windows * Heads, area, head), logits = Random(windows * Heads, area, area), smallRows = Random(
        Window, windows * Heads * Window, head), smallTable = Random(Window, head, Window);
    double Time(Action product)
    {
        double best = double.PositiveInfinity;
        for (int round = 0; round < 3; round++)
        {
            TimeSpan start = Now();
            product();
            best = Math.Min(best, (Now() - start).TotalMilliseconds);
        }

        return best;
    }

    void Linear(Tensor of, Tensor weight) => F.linear(of, weight).Dispose();
    double both = Time(() => Linear(x, square)) + Time(() => Linear(x, up)) + Time(() => Linear(wide, down));
    double window = Time(() => Linear(inWindows, qkv)) + Time(() => small.matmul(small.transpose(1, 2)).Dispose()) + Time(() => logits.matmul(small).Dispose())
        + (2 * Time(() => smallRows.matmul(smallTable).Dispose()));
    double everywhere = Time(() => Linear(x, qkv))
        + Time(() => { for (int part = 0; part < places / 512; part++) { q.narrow(1, part * 512, 512).matmul(q.transpose(1, 2)).Dispose(); } })
        + Time(() => { for (int part = 0; part < places / 512; part++) { some.matmul(q).Dispose(); } }) + (2 * Time(() => rows.matmul(table).Dispose()));
    Tensor picture = Random(1, 3, 1024, 1024), patches = Random(Width, 3, 16, 16), map = Random(1, Width, Side, Side), narrow = Random(Prompt, Width, 1, 1);
    Tensor coarse = Random(1, Prompt, Side, Side), neck = Random(Prompt, Prompt, 3, 3), image = Random(places, Prompt), half = Random(Prompt / 2, Prompt);
    Tensor up1 = Random(Prompt, Prompt / 4, 2, 2), middle = Random(1, Prompt / 4, 2 * Side, 2 * Side), up2 = Random(Prompt / 4, Prompt / 8, 2, 2);
    double rest = Time(() => F.conv2d(picture, patches, null, strides: [16, 16]).Dispose()) + Time(() => F.conv2d(map, narrow, null).Dispose())
        + Time(() => F.conv2d(coarse, neck, null, padding: [1, 1]).Dispose())
        + (10 * Time(() => Linear(image, half))) // of the image: four in each of two layers, two behind them
        + Time(() => F.conv_transpose2d(coarse, up1, strides: [2, 2]).Dispose()) + Time(() => F.conv_transpose2d(middle, up2, strides: [2, 2]).Dispose());
    return (both + window, both + everywhere, rest);
}

SaveWeights(file, RandomSam(new SamSizes(Width, Blocks, Heads, Side, 16, Window, 3, Prompt, 2048)));
try
{
    byte[] pixels = new byte[3 * 1024 * 1024];
    new Random(1).NextBytes(pixels);
    var picture = Image.FromRgb(pixels, 1024, 1024);
    foreach (var (name, type) in new[] { ("Float32", ScalarType.Float32), ("BFloat16", ScalarType.BFloat16) })
    {
        using var sam = await Tasks.Load<ISegmenter>(file, options: new { Dtype = name });
        SegmentPrompt prompt = new() { Points = [new PromptPoint(500, 400)] };
        double best = double.PositiveInfinity;
        Measure measure = null;
        for (int round = 0; round < 3; round++)
        {
            TimeSpan start = Now();
            measure = sam.Segment(picture, prompt).Measure;
            best = Math.Min(best, (Now() - start).TotalMilliseconds);
        }

        var (window, everywhere, rest) = Bare(type);
        double bare = (8 * window) + (4 * everywhere) + rest;
        Print($"{name}, {threads} thread(s): {best:0} ms of processor time, {measure.TotalFlops / 1e9:0} GFLOPs; products and convolutions alone {bare:0} ms "
            + $"(a block in windows {window:0}, everywhere {everywhere:0}, the rest {rest:0}); ratio {best / bare:0.00}; "
            + $"peak memory {measure.PeakMemory / 1e6:0} MB");
        Print("  by the clock: " + string.Join(", ", measure.Milliseconds.Select(stage => $"{stage.Key} {stage.Value:0} ms")));
    }
}
finally
{
    File.Delete(file);
}
