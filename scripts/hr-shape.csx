// LLaVA-HR's encoder at its true shape: ConvNeXt-L at 1024 pixels, CLIP-L/14 at 448, MR-Adapters; random weights in the published layout over tiny-llava's
// decoder, one picture, timed by stage, beside libtorch's time for the same matrix products and depthwise convolutions alone.
//
//     aperture run scripts/hr-shape.csx -- --threads 1
//
// It writes 1 GB into the temporary folder and takes it away again.
using System.Diagnostics;
using System.Text.Json.Nodes;
using Aperture.Weights;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

const int Side = 1024, Width = 1024, Heads = 16, Blocks = 24, Patch = 14, Kernel = 7, Hidden = 128;
const string Root = "model.vision_tower.", Fast = Root + "fast_vision_tower.vision_tower.vision_model.", Slow = Root + "slow_vision_tower.vision_tower.";
int[] widths = [192, 384, 768, 1536], depths = [3, 3, 27, 3];
int threads = Args.Count == 2 && Args[0] == "--threads" && int.TryParse(Args[1], out int asked) ? asked : 1;
set_num_threads(threads);
string shipped = Path.Combine(AppContext.BaseDirectory, "scripts", "models", "tiny-llava"), folder = Directory.CreateTempSubdirectory("aperture-hr-").FullName;

Dictionary<string, Tensor> Random()
{
    Dictionary<string, Tensor> tensors = [];
    void Weight(string name, params long[] shape)
    {
        tensors[name + ".weight"] = randn(shape, dtype: ScalarType.BFloat16).mul_(1 / Math.Sqrt(shape[1..].Aggregate(1L, (a, b) => a * b)));
        tensors[name + ".bias"] = zeros(shape[0], dtype: ScalarType.BFloat16);
    }

    void Norm(string name, long size) => (tensors[name + ".weight"], tensors[name + ".bias"]) =
        (ones(size, dtype: ScalarType.BFloat16), zeros(size, dtype: ScalarType.BFloat16));

    using IWeightSource source = WeightFiles.Open(shipped);
    foreach (string name in source.Names.Where(name => name.StartsWith("language_model.")))
    {
        tensors[name["language_model.".Length..]] = source.Load(name);
    }

    tensors[Fast + "embeddings.class_embedding"] = randn(Width, dtype: ScalarType.BFloat16);
    tensors[Fast + "embeddings.patch_embedding.weight"] = randn([Width, 3, Patch, Patch], dtype: ScalarType.BFloat16).mul_(0.02);
    tensors[Fast + "embeddings.position_embedding.weight"] = randn([577, Width], dtype: ScalarType.BFloat16).mul_(0.02);
    Norm(Fast + "pre_layrnorm", Width);
    Norm(Fast + "post_layernorm", Width);
    for (int block = 0; block < Blocks; block++)
    {
        string name = $"{Fast}encoder.layers.{block}.";
        Norm(name + "layer_norm1", Width);
        Norm(name + "layer_norm2", Width);
        foreach (string part in new[] { "q_proj", "k_proj", "v_proj", "out_proj" })
        {
            Weight($"{name}self_attn.{part}", Width, Width);
        }

        Weight(name + "mlp.fc1", 4 * Width, Width);
        Weight(name + "mlp.fc2", Width, 4 * Width);
    }

    Weight(Slow + "stem.0", widths[0], 3, 4, 4);
    Norm(Slow + "stem.1", widths[0]);
    for (int stage = 0; stage < 4; stage++)
    {
        int channels = widths[stage];
        if (stage > 0)
        {
            Norm($"{Slow}stages.{stage}.downsample.0", widths[stage - 1]);
            Weight($"{Slow}stages.{stage}.downsample.1", channels, widths[stage - 1], 2, 2);
        }

        for (int block = 0; block < depths[stage]; block++)
        {
            string name = $"{Slow}stages.{stage}.blocks.{block}.";
            Weight(name + "conv_dw", channels, 1, Kernel, Kernel);
            Norm(name + "norm", channels);
            Weight(name + "mlp.fc1", 4 * channels, channels);
            Weight(name + "mlp.fc2", channels, 4 * channels);
            tensors[name + "weight"] = ones(channels, dtype: ScalarType.BFloat16);
        }
    }

    int slow = widths[^1];
    for (int adapter = 0; adapter < 3; adapter++)
    {
        string name = $"{Root}align_stages_latent.{adapter}.";
        Weight(name + "slow_conv", slow, slow, 1, 1);
        Weight(name + "slow_proj", Width, slow, 1, 1);
        Weight(name + "fast_conv", Width, 1, Kernel, Kernel);
        Weight(name + "fast_proj", Width, Width, 1, 1);
        Weight(name + "gate.0", Width / 2, 2 * Width);
        Weight(name + "gate.2", 1, Width / 2);
    }

    Weight(Root + "align_stages.0.fast_proj", Width, Width);
    Weight(Root + "align_stages.0.slow_proj", Width, slow);
    Weight("model.mm_projector.0", Hidden, Width);
    Weight("model.mm_projector.2", Hidden, Hidden);
    return tensors;
}

void Write()
{
    JsonNode text = JsonNode.Parse(File.ReadAllText(Path.Combine(shipped, "config.json")))!["text_config"]!;
    JsonObject config = new()
    {
        ["architectures"] = new JsonArray("LlavaLlamaForCausalLM"), ["model_type"] = "llava", ["mm_vision_tower"] = "openai/clip-vit-large-patch14-336",
        ["vision_tower_slow"] = "convnext_large_mlp.clip_laion2b_ft_320", ["is_multipath_encoder"] = true, ["input_image_size"] = Side,
        ["freeze_vision"] = false, ["mm_projector_type"] = "mlp2x_gelu", ["mm_hidden_size"] = Width, ["image_aspect_ratio"] = "pad",
        ["mm_vision_select_layer"] = -2,
    };
    foreach (string key in new[]
    {
        "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size", "max_position_embeddings",
        "rms_norm_eps", "rope_theta", "head_dim",
    })
    {
        if (text[key] is { } value)
        {
            config[key] = value.DeepClone();
        }
    }

    File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
    foreach (string file in new[] { "tokenizer.json", "tokenizer_config.json" })
    {
        File.Copy(Path.Combine(shipped, file), Path.Combine(folder, file));
    }

    Dictionary<string, Tensor> tensors = Random();
    SafetensorsWriter.Save(Path.Combine(folder, "model.safetensors"), tensors);
    foreach (Tensor tensor in tensors.Values)
    {
        tensor.Dispose();
    }
}

// Best of three, in milliseconds.
double Time(Func<Tensor> product)
{
    double best = double.PositiveInfinity;
    for (int round = 0; round < 3; round++)
    {
        long start = Stopwatch.GetTimestamp();
        product().Dispose();
        best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalMilliseconds);
    }

    return best;
}

// What libtorch alone takes for a stage's products (and depthwise convolutions, in the layout that it does them fastest in).
(double Products, double Depthwise) BareSlow(ScalarType type)
{
    using var scope = NewDisposeScope();
    double products = 0, depthwise = 0;
    for (int stage = 0; stage < 4; stage++)
    {
        int side = Side / 4 >> stage, c = widths[stage], inputs = stage == 0 ? 48 : 4 * widths[stage - 1];
        using var one = NewDisposeScope();
        Tensor x = randn([side * side, c], dtype: type), wide = randn([side * side, 4 * c], dtype: type), patches = randn([side * side, inputs], dtype: type);
        Tensor up = randn([4 * c, c], dtype: type), down = randn([c, 4 * c], dtype: type), into = randn([c, inputs], dtype: type);
        Tensor map = randn([1, side, side, c], dtype: type).permute(0, 3, 1, 2), kernel = randn([c, 1, Kernel, Kernel], dtype: type);
        products += Time(() => F.linear(patches, into)) + (depths[stage] * (Time(() => F.linear(x, up)) + Time(() => F.linear(wide, down))));
        depthwise += depths[stage] * Time(() => F.conv2d(map, kernel, padding: [Kernel / 2, Kernel / 2], groups: c));
    }

    return (products, depthwise);
}

double BareFast(ScalarType type)
{
    using var scope = NewDisposeScope();
    int rows = 1 + (448 / Patch * (448 / Patch)), head = Width / Heads;
    Tensor x = randn([rows, Width], dtype: type), wide = randn([rows, 4 * Width], dtype: type), square = randn([Width, Width], dtype: type);
    Tensor up = randn([4 * Width, Width], dtype: type), down = randn([Width, 4 * Width], dtype: type), q = randn([Heads, rows, head], dtype: type);
    Tensor seen = randn([Heads, rows, rows], dtype: type);
    return (Blocks - 1) * ((4 * Time(() => F.linear(x, square))) + Time(() => F.linear(x, up)) + Time(() => F.linear(wide, down))
        + Time(() => q.matmul(q.transpose(1, 2))) + Time(() => seen.matmul(q)));
}

try
{
    Print($"writing a LLaVA-HR of true shape ({threads} thread(s)) …");
    Write();
    byte[] pixels = new byte[3 * Side * Side];
    new System.Random(1).NextBytes(pixels);
    var picture = Image.FromRgb(pixels, Side, Side);
    foreach (var (name, type) in new[] { ("float32", ScalarType.Float32), ("bf16", ScalarType.BFloat16) })
    {
        var model = await Models.Load(folder, new ModelOptions { Type = name, Threads = threads });
        (IReadOnlyList<Aperture.Vision.VisionStage> Stages, double All) best = ([], double.PositiveInfinity);
        for (int round = 0; round < 2; round++)
        {
            using var seen = await model.See([picture]);
            if (seen.Milliseconds < best.All)
            {
                best = (seen.Stages, seen.Milliseconds);
            }
        }

        using var quiet = inference_mode();
        var (products, depthwise) = BareSlow(type);
        double fast = BareFast(type);
        Print($"{name}: {best.All:0} ms with preprocessing, {2 * best.Stages.Sum(stage => stage.Macs) / 1e9:0} GFLOPs");
        foreach (var stage in best.Stages)
        {
            string bare = stage.Name switch
            {
                "high-resolution tower" => $"; products alone {products:0} ms, depthwise convolutions {depthwise:0} ms: ratio {stage.Milliseconds / (products + depthwise):0.00}",
                "low-resolution tower" => $"; products alone {fast:0} ms: ratio {stage.Milliseconds / fast:0.00}",
                _ => "",
            };
            Print($"  {stage.Name}: {stage.Milliseconds:0} ms, {2 * stage.Macs / 1e9:0} GFLOPs{bare}");
        }

        await Models.Unload(folder);
    }
}
finally
{
    Directory.Delete(folder, recursive: true);
}
