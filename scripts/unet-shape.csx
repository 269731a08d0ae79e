// The UNet of Stable Diffusion 1 at its true shape with random weights: one step under guidance (two latents of 64 x 64, 77 words), beside libtorch's time for
// the same convolutions, linear layers and attention alone.
//
//     aperture run scripts/unet-shape.csx -- --threads 2
//
// Times are those of the processor, not of the clock (threads together), so that other work on the machine counts less.
using System.Diagnostics;
using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Measuring;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

const int Batch = 2, Side = 64, Words = 77, Heads = 8;
int threads = Args.Count == 2 && Args[0] == "--threads" && int.TryParse(Args[1], out int asked) ? asked : 1;
set_num_threads(threads);
TimeSpan Now() => Process.GetCurrentProcess().TotalProcessorTime;
double Best(int rounds, Action action)
{
    double best = double.PositiveInfinity;
    for (int round = 0; round < rounds; round++)
    {
        TimeSpan start = Now();
        action();
        best = Math.Min(best, (Now() - start).TotalMilliseconds);
    }

    return best;
}

using var quiet = inference_mode();
foreach (ScalarType type in new[] { ScalarType.Float32, ScalarType.BFloat16 })
{
    using var scope = NewDisposeScope();
    WeightPolicy policy = WeightPolicy.For(CPU, type, type) with { Storage = type };
    UNetConfig config = new();
    using UNet unet = UNet.Fresh(config, policy, 1);
    long weights = unet.Tensors.Values.Sum(tensor => tensor.numel() * tensor.element_size());
    Tensor latents = randn(Batch, config.Inputs, Side, Side), text = randn(Batch, Words, config.TextWidth);
    double own = double.PositiveInfinity;
    long added = PeakMemory.Added(() => own = Best(3, () => unet.Run(latents, 500, text).Dispose()));
    double convolutions = 0, products = 0, attention = 0;
    var matrices = unet.Tensors.Where(pair => pair.Value.dim() > 1);
    foreach (var group in matrices.GroupBy(pair => (Where(pair.Key), string.Join(",", pair.Value.shape), IsSmaller(pair.Key))))
    {
        using var part = NewDisposeScope();
        (string name, Tensor weight) = group.First();
        int side = Where(name);
        if (weight.dim() == 4)
        {
            bool smaller = IsSmaller(name);
            int from = smaller ? 2 * side : side;
            Tensor x = randn(Batch, weight.size(1), from, from).to_type(type);
            long pad = weight.size(2) / 2, stride = smaller ? 2 : 1;
            convolutions += group.Count() * Best(3, () => F.conv2d(x, weight, null, strides: [stride, stride], padding: [pad, pad]).Dispose());
        }
        else
        {
            bool ofText = name.Contains("attn2.to_k") || name.Contains("attn2.to_v");
            Tensor x = randn(Batch * (side == 0 ? 1 : ofText ? Words : side * side), weight.size(1)).to_type(type);
            products += group.Count() * Best(3, () => F.linear(x, weight).Dispose());
        }
    }

    var queries = unet.Tensors.Where(pair => pair.Key.EndsWith("to_q.weight"));
    foreach (var group in queries.GroupBy(pair => (Where(pair.Key), pair.Key.Contains("attn1"), pair.Value.size(0))))
    {
        using var part = NewDisposeScope();
        (int side, bool self, long width) = group.Key;
        Tensor q = randn(Batch, Heads, side * side, width / Heads).to_type(type), k = self ? q : randn(Batch, Heads, Words, width / Heads).to_type(type);
        attention += group.Count() * Best(3, () => F.scaled_dot_product_attention(q, k, k, null, 0, is_casual: false).Dispose());
    }

    double bare = convolutions + products + attention;
    double flops = Batch * (double)UNetCost.Of(config, Side, Side, Words).Flops;
    Print($"{type}, {threads} thread(s): {own:0} ms of processor time a step, {flops / 1e9:0} GFLOPs; bare {bare:0} ms (convolutions {convolutions:0}, "
        + $"linear layers {products:0}, attention {attention:0}); ratio {own / bare:0.00}");
    Print($"  weights {weights / 1e6:0} MB, at the peak {added / 1e6:0} MB beside them: {(double)(weights + added) / weights:0.00} of them");
}

// Side of the map that a part of the network works on; 0 for the time's.
int Where(string name)
{
    string[] parts = name.Split('.');
    int level = parts[0] switch
    {
        "down_blocks" => int.Parse(parts[1]) + (parts[2] == "downsamplers" ? 1 : 0),
        "mid_block" => 3,
        "up_blocks" => 3 - int.Parse(parts[1]) - (parts[2] == "upsamplers" ? 1 : 0),
        _ => 0,
    };
    return name.Contains("time_emb") ? 0 : Side >> level;
}

bool IsSmaller(string name) => name.Contains("downsamplers");
