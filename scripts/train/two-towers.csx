// Makes an untrained LLaVA-HR in the published layout out of a small LLaVA: its decoder, projector and CLIP tower, and beside them a small ConvNeXt, MR-Adapters and last step from a seed.
//
//     aperture run scripts/train/two-towers.csx -- SMALL-LLAVA FOLDER
//
// Published models see 1024 pixels through towers of 1024 and 1536 channels; this one sees 384 through towers of 128. The adapters begin as published: they change nothing.

using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

const int Side = 384, FastSide = 168, FastBlocks = 4, Kernel = 7;
const string Fast = "model.vision_tower.fast_vision_tower.vision_tower.vision_model.", Slow = "model.vision_tower.slow_vision_tower.vision_tower.";
int[] widths = [24, 48, 80, 112], depths = [1, 1, 2, 1];

if (Args.Count != 2)
{
    throw new ApertureException("two-towers.csx needs two folders: a small LLaVA's, and one for the untrained model.");
}

var (small, target) = (Args[0], Args[1]);
var config = JsonNode.Parse(File.ReadAllText(Path.Combine(small, "config.json")))!;
var text = config["text_config"]!;
var type = ScalarType.BFloat16;
Directory.CreateDirectory(target);
using var generator = new Generator(1);
using var source = WeightFiles.Open(small);
var tensors = new Dictionary<string, Tensor>();

// What the small LLaVA has, under the names that its authors' code uses.
string? Renamed(string name)
    => name.StartsWith("language_model.") ? name["language_model.".Length..]
        : name.StartsWith("multi_modal_projector.linear_1.") ? "model.mm_projector.0." + name.Split('.')[^1]
        : name.StartsWith("multi_modal_projector.linear_2.") ? "model.mm_projector.2." + name.Split('.')[^1]
        : name.StartsWith("vision_tower.vision_model.") && !name.Contains($".layers.{FastBlocks}.") ? Fast + name["vision_tower.vision_model.".Length..]
        : null;
foreach (var name in source.Names)
{
    if (Renamed(name) is { } own)
    {
        tensors[own] = source.Load(name);
    }
}

int width = (int)tensors[Fast + "embeddings.patch_embedding.weight"].shape[0];

void Weight(string name, double deviation, params long[] shape)
{
    tensors[name + ".weight"] = randn(shape, generator: generator).mul(deviation).to_type(type);
    tensors[name + ".bias"] = zeros(shape[0], dtype: type);
}

void Norm(string name, int channels) => (tensors[name + ".weight"], tensors[name + ".bias"]) = (ones(channels, dtype: type), zeros(channels, dtype: type));

// The ConvNeXt. Its blocks are scaled by a third where published ones begin at a millionth: there is no time to wait for them.
Weight(Slow + "stem.0", 1 / Math.Sqrt(3 * 16), widths[0], 3, 4, 4);
Norm(Slow + "stem.1", widths[0]);
for (int stage = 0; stage < 4; stage++)
{
    int c = widths[stage];
    var name = $"{Slow}stages.{stage}.";
    if (stage > 0)
    {
        Norm(name + "downsample.0", widths[stage - 1]);
        Weight(name + "downsample.1", 1 / Math.Sqrt(4 * widths[stage - 1]), c, widths[stage - 1], 2, 2);
    }

    for (int block = 0; block < depths[stage]; block++)
    {
        var own = $"{name}blocks.{block}.";
        Weight(own + "conv_dw", 1.0 / Kernel, c, 1, Kernel, Kernel);
        Norm(own + "norm", c);
        Weight(own + "mlp.fc1", 1 / Math.Sqrt(c), 4 * c, c);
        Weight(own + "mlp.fc2", 1 / Math.Sqrt(4 * c), c, 4 * c);
        tensors[own + "weight"] = full(c, 0.33, dtype: type);
    }
}

// Adapters: Xavier's convolutions, projections of zeros. The last step: two linear layers.
int slow = widths[^1];
for (int adapter = 0; adapter < 3; adapter++)
{
    var name = $"model.vision_tower.align_stages_latent.{adapter}.";
    Weight(name + "slow_conv", Math.Sqrt(1.0 / slow), slow, slow, 1, 1);
    Weight(name + "slow_proj", 0, width, slow, 1, 1);
    Weight(name + "fast_conv", Math.Sqrt(2.0 / (Kernel * Kernel * (width + 1))), width, 1, Kernel, Kernel);
    Weight(name + "fast_proj", 0, width, width, 1, 1);
    Weight(name + "gate.0", 1 / Math.Sqrt(6 * width), width / 2, 2 * width);
    Weight(name + "gate.2", 1 / Math.Sqrt(1.5 * width), 1, width / 2);
}

Weight("model.vision_tower.align_stages.0.fast_proj", 1 / Math.Sqrt(2 * width), width, width);
Weight("model.vision_tower.align_stages.0.slow_proj", 1 / Math.Sqrt(2 * slow), width, slow);
SafetensorsWriter.Save(Path.Combine(target, "model.safetensors"), tensors, new Dictionary<string, string> { ["format"] = "pt" });

var written = new JsonObject
{
    ["architectures"] = new JsonArray("LlavaLlamaForCausalLM"),
    ["model_type"] = "llava",
    ["mm_vision_tower"] = "openai/clip-vit-large-patch14-336",
    ["vision_tower_slow"] = "convnext_large_mlp.clip_laion2b_ft_320",
    ["is_multipath_encoder"] = true,
    ["input_image_size"] = Side,
    ["min_fast_size"] = FastSide,
    ["freeze_vision"] = false,
    ["mm_vision_select_layer"] = -2,
    ["mm_vision_select_feature"] = "patch",
    ["mm_hidden_size"] = width,
    ["mm_projector_type"] = "mlp2x_gelu",
    ["image_aspect_ratio"] = "pad",
    ["use_mm_proj"] = true,
    ["mm_use_im_start_end"] = false,
    ["mm_use_im_patch_token"] = false,
    ["hidden_act"] = "silu",
    ["tie_word_embeddings"] = false,
    ["torch_dtype"] = "bfloat16",
    ["pad_token_id"] = config["pad_token_id"]!.DeepClone(),
};
foreach (var key in new[] { "bos_token_id", "eos_token_id", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "rope_theta", "vocab_size" })
{
    written[key] = text[key]!.DeepClone();
}

File.WriteAllText(Path.Combine(target, "config.json"), written.ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
foreach (var file in new[] { "tokenizer.json", "tokenizer_config.json", "generation_config.json" })
{
    File.Copy(Path.Combine(small, file), Path.Combine(target, file), overwrite: true);
}

Print($"wrote {Path.GetFullPath(target)}: {tensors.Values.Sum(t => t.numel()):N0} weights");
