// E3-FaceNet at its true shape: random weights in the published layout, five views of 512 pixels from one sentence, against five calls of one view each; timed
// by stage, beside libtorch's time for the same matrix products and convolutions alone, in float32 and with blocks in bf16.
//
//     aperture run scripts/face-shape.csx -- --threads 1
//     aperture run scripts/face-shape.csx -- --threads 1 --small
//
// It writes 0.4 GB into the temporary folder and takes it away again. Times are those of the processor, not of the clock (threads together), so that other
// work on the machine counts less; stages are by the clock. --small is a model of 64 pixels, to see that everything runs. --slice ROWS renders so many rows of
// rays at once, which bounds memory.
#load "face-weights.csx"
using System.Diagnostics;
using Aperture.Weights;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

const int Views = 5, Tokens = 77, Heads = 8, BehindSamples = 4, RaySamples = 28;
string Option(string name) => Args.ToList().IndexOf(name) is >= 0 and int place && place + 1 < Args.Count ? Args[place + 1] : null;
bool small = Args.Contains("--small");
int threads = int.TryParse(Option("--threads"), out int asked) ? asked : 1;
int? slice = int.TryParse(Option("--slice"), out int rows) ? rows : null;
set_num_threads(threads);
FaceSizes sizes = small ? new FaceSizes(64, 16, 64, 64, 16, 32, 16, 64, 2, 3, 2) : new FaceSizes();
string folder = Directory.CreateTempSubdirectory("aperture-face-").FullName, file = Path.Combine(folder, "face.safetensors");
TimeSpan Now() => Process.GetCurrentProcess().TotalProcessorTime;

double Time(Action work, int rounds = 2)
{
    double best = double.PositiveInfinity;
    for (int round = 0; round < rounds; round++)
    {
        TimeSpan start = Now();
        work();
        best = Math.Min(best, (Now() - start).TotalMilliseconds);
    }

    return best;
}

// Milliseconds of one view's products: rays, blocks (as convolutions), the enhancer as published and with what belongs to the sentence multiplied beforehand.
(double Rays, double Blocks, double Direct, double Folded) Bare(ScalarType type)
{
    using var quiet = inference_mode();
    double Linear(long count, int inputs, int outputs, ScalarType of)
    {
        using Tensor x = randn(count, inputs).to_type(of), weight = randn(outputs, inputs).to_type(of);
        return Time(() => F.linear(x, weight).Dispose());
    }

    double Convolution(int side, int inputs, int outputs, ScalarType of)
    {
        using Tensor x = randn(1, inputs, side, side).to_type(of), weight = randn(outputs, inputs, 1, 1).to_type(of);
        return Time(() => F.conv2d(x, weight).Dispose());
    }

    double Smoothing(int side, int channels, ScalarType of)
    {
        using Tensor x = randn(1, channels, side, side).to_type(of), weight = randn(channels, 1, 4, 4).to_type(of);
        return Time(() => F.conv2d(x, weight, padding: [2, 2], groups: channels).Dispose());
    }

    double Field(long count, int encoded, int width, int layers)
        => Linear(count, encoded, width, ScalarType.Float32) + ((layers - 1) * Linear(count, width, width, ScalarType.Float32))
            + Linear(count, width, 4 + sizes.Features, ScalarType.Float32);
    long rays = (long)sizes.Volume * sizes.Volume;
    double field = (2 * Field(rays * RaySamples / 2, 6 * sizes.Octaves, sizes.Face, sizes.FaceLayers))
        + Field(rays * BehindSamples, 8 * sizes.Octaves, sizes.Behind, sizes.BehindLayers);
    double blocks = 0, direct = 0, folded = 0;
    int inputs = sizes.Features;
    for (int side = 2 * sizes.Volume; side <= sizes.Picture; side *= 2)
    {
        int outputs = Math.Min(32768 / side, sizes.Channels), half = side / 2;
        ScalarType of = side == 2 * sizes.Volume ? ScalarType.Float32 : type;
        blocks += Convolution(half, inputs, outputs, of) + Convolution(half, outputs, outputs / 4, of) + Convolution(half, outputs / 4, 4 * outputs, of)
            + Smoothing(side, outputs, of) + Convolution(side, outputs, outputs, of);
        blocks += side == sizes.Picture ? Convolution(side, outputs, 3, of) : 0;
        long places = (long)half * half;
        double head = Linear(places, sizes.Attention / Heads, Tokens, ScalarType.Float32) + Linear(places, Tokens, sizes.Attention / Heads, ScalarType.Float32);
        double mapping = Linear(1, (int)places, sizes.Width, ScalarType.Float32);
        direct += Linear(places, inputs, sizes.Attention, ScalarType.Float32) + (Heads * head) + Linear(places, sizes.Attention, inputs, ScalarType.Float32)
            + mapping;
        folded += Linear(places, inputs, Heads * Tokens, ScalarType.Float32) + Linear(places, Heads * Tokens, 1, ScalarType.Float32) + mapping;
        inputs = outputs;
    }

    return (field, blocks, direct, folded);
}

try
{
    using (var scope = NewDisposeScope())
    {
        manual_seed(1);
        SafetensorsWriter.Save(file, RandomFace(sizes));
        WriteClip(Path.Combine(folder, "clip"), sizes.Width, small ? 2 : 12);
    }

    FaceRequest request = new() { Text = "The woman has wavy hair.", Views = FaceViews.Turn(Views) };
    foreach (var (name, type) in new[] { ("float32", ScalarType.Float32), ("bfloat16", ScalarType.BFloat16) })
    {
        var bare = Bare(type);
        Print($"{name}, {threads} thread(s), {sizes.Picture} pixels; libtorch's products and convolutions of one view: rays {bare.Rays:0} ms, blocks "
            + $"{bare.Blocks:0} ms, enhancer {bare.Direct:0} ms (folded {bare.Folded:0} ms)");
        foreach (string enhancer in new[] { "folded", "direct" })
        {
            using var generator = await Tasks.Load<IFaceGenerator>(file, options: new { Type = name, Enhancer = enhancer, SliceRows = slice });
            generator.Generate(request with { Views = [ViewPoint.Front] }); // what is done once
            Measure measure = null;
            double together = Time(() => measure = generator.Generate(request).Measure, 1);
            double apart = Time(() =>
            {
                foreach (ViewPoint view in request.Views)
                {
                    generator.Generate(request with { Views = [view] });
                }
            }, 1);
            double products = Views * (bare.Rays + bare.Blocks + (enhancer == "folded" ? bare.Folded : bare.Direct));
            Print($"  {enhancer}: {Views} views together {together:0} ms of processor time, each by itself {apart:0} ms ({apart / together:0.00}x); "
                + $"{measure.TotalFlops / 1e9:0.0} GFLOPs; products alone {products:0} ms, ratio {together / products:0.00}; "
                + $"peak memory {measure.PeakMemory / 1e6:0} MB");
            Print("    by the clock: " + string.Join(", ", measure.Milliseconds.Select(stage => $"{stage.Key} {stage.Value:0} ms")));
        }

        using var shared = await Tasks.Load<IFaceGenerator>(file, options: new { Type = name, ShareOffsets = true, SliceRows = slice });
        Print($"  folded, offsets of the first view for all: {Time(() => shared.Generate(request), 1):0} ms");
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}
