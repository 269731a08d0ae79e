// Segment Anything at the true shape of ViT-B: random weights in the published layout, one picture of 1024 pixels, timed by stage, beside libtorch's time for
// the same matrix products alone. Blocks in windows and blocks that attend everywhere are told apart.
//
//     aperture run scripts/sam-shape.csx -- --threads 1
//
// Times are those of the processor, not of the clock (threads together), so that other work on the machine counts less.
using System.Diagnostics;
using Aperture.Weights;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

const int Width = 768, Blocks = 12, Heads = 12, Side = 64, Window = 14, Prompt = 256;
int threads = Args.Count == 2 && Args[0] == "--threads" && int.TryParse(Args[1], out int asked) ? asked : 1;
set_num_threads(threads);
string file = Path.Combine(Path.GetTempPath(), $"sam-shape-{Environment.ProcessId}.safetensors");
TimeSpan Now() => Process.GetCurrentProcess().TotalProcessorTime;

void Write()
{
    Dictionary<string, Tensor> tensors = [];
    void Add(string name, params long[] shape)
        => tensors[name] = name.Contains("norm", StringComparison.Ordinal) && name.EndsWith("weight", StringComparison.Ordinal)
            ? ones(shape)
            : randn(shape).mul(0.02);
    void Linear(string name, long outputs, long inputs) { Add(name + ".weight", outputs, inputs); Add(name + ".bias", outputs); }
    void Norm(string name, long width) { tensors[name + ".weight"] = ones(width); tensors[name + ".bias"] = zeros(width); }
    const string Encoder = "image_encoder.", Prompts = "prompt_encoder.", Decoder = "mask_decoder.", Layers = Decoder + "transformer.";
    Add(Encoder + "pos_embed", 1, Side, Side, Width);
    Add(Encoder + "patch_embed.proj.weight", Width, 3, 16, 16);
    Add(Encoder + "patch_embed.proj.bias", Width);
    for (int block = 0; block < Blocks; block++)
    {
        string name = $"{Encoder}blocks.{block}.";
        long table = (2 * (block % 3 == 2 ? Side : Window)) - 1;
        Norm(name + "norm1", Width);
        Norm(name + "norm2", Width);
        Linear(name + "attn.qkv", 3 * Width, Width);
        Linear(name + "attn.proj", Width, Width);
        Add(name + "attn.rel_pos_h", table, Width / Heads);
        Add(name + "attn.rel_pos_w", table, Width / Heads);
        Linear(name + "mlp.lin1", 4 * Width, Width);
        Linear(name + "mlp.lin2", Width, 4 * Width);
    }

    Add(Encoder + "neck.0.weight", Prompt, Width, 1, 1);
    Norm(Encoder + "neck.1", Prompt);
    Add(Encoder + "neck.2.weight", Prompt, Prompt, 3, 3);
    Norm(Encoder + "neck.3", Prompt);
    Add(Prompts + "pe_layer.positional_encoding_gaussian_matrix", 2, Prompt / 2);
    foreach (string name in Enumerable.Range(0, 4).Select(kind => $"point_embeddings.{kind}").Append("not_a_point_embed").Append("no_mask_embed"))
    {
        Add($"{Prompts}{name}.weight", 1, Prompt);
    }

    foreach ((int at, long outputs, long inputs, long size) in new[] { (0, 4L, 1L, 2L), (3, 16L, 4L, 2L), (6, Prompt, 16L, 1L) })
    {
        Add($"{Prompts}mask_downscaling.{at}.weight", outputs, inputs, size, size);
        Add($"{Prompts}mask_downscaling.{at}.bias", outputs);
    }

    Norm(Prompts + "mask_downscaling.1", 4);
    Norm(Prompts + "mask_downscaling.4", 16);
    void Attention(string name, long inner)
    {
        Linear(name + "q_proj", inner, Prompt);
        Linear(name + "k_proj", inner, Prompt);
        Linear(name + "v_proj", inner, Prompt);
        Linear(name + "out_proj", Prompt, inner);
    }

    for (int layer = 0; layer < 2; layer++)
    {
        string name = $"{Layers}layers.{layer}.";
        Attention(name + "self_attn.", Prompt);
        Attention(name + "cross_attn_token_to_image.", Prompt / 2);
        Attention(name + "cross_attn_image_to_token.", Prompt / 2);
        Linear(name + "mlp.lin1", 2048, Prompt);
        Linear(name + "mlp.lin2", Prompt, 2048);
        for (int norm = 1; norm <= 4; norm++)
        {
            Norm($"{name}norm{norm}", Prompt);
        }
    }

    Attention(Layers + "final_attn_token_to_image.", Prompt / 2);
    Norm(Layers + "norm_final_attn", Prompt);
    Add(Decoder + "iou_token.weight", 1, Prompt);
    Add(Decoder + "mask_tokens.weight", 4, Prompt);
    Add(Decoder + "output_upscaling.0.weight", Prompt, Prompt / 4, 2, 2);
    Add(Decoder + "output_upscaling.0.bias", Prompt / 4);
    Norm(Decoder + "output_upscaling.1", Prompt / 4);
    Add(Decoder + "output_upscaling.3.weight", Prompt / 4, Prompt / 8, 2, 2);
    Add(Decoder + "output_upscaling.3.bias", Prompt / 8);
    (string, long)[] heads = [.. Enumerable.Range(0, 4).Select(mask => ($"output_hypernetworks_mlps.{mask}.", (long)Prompt / 8)), ("iou_prediction_head.", 4)];
    foreach ((string head, long outputs) in heads)
    {
        Linear($"{Decoder}{head}layers.0", Prompt, Prompt);
        Linear($"{Decoder}{head}layers.1", Prompt, Prompt);
        Linear($"{Decoder}{head}layers.2", outputs, Prompt);
    }

    SafetensorsWriter.Save(file, tensors);
    foreach (Tensor tensor in tensors.Values)
    {
        tensor.Dispose();
    }
}

// Milliseconds of the products of a block in windows and of one that attends everywhere: projections, logits, values, relative positions, feed-forward network.
(double Window, double Everywhere) Bare(ScalarType type)
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
    return (both + window, both + everywhere);
}

Write();
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
        for (int round = 0; round < 2; round++)
        {
            TimeSpan start = Now();
            measure = sam.Segment(picture, prompt).Measure;
            best = Math.Min(best, (Now() - start).TotalMilliseconds);
        }

        var (window, everywhere) = Bare(type);
        double bare = (8 * window) + (4 * everywhere);
        Print($"{name}, {threads} thread(s): {best:0} ms of processor time, {measure.TotalFlops / 1e9:0} GFLOPs; products alone {bare:0} ms "
            + $"(a block in windows {window:0}, everywhere {everywhere:0}); ratio {best / bare:0.00}; peak memory {measure.PeakMemory / 1e6:0} MB");
        Print("  by the clock: " + string.Join(", ", measure.Milliseconds.Select(stage => $"{stage.Key} {stage.Value:0} ms")));
    }
}
finally
{
    File.Delete(file);
}
