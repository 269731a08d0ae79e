using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.LlavaHr.Tests;

/// <summary>
/// A LLaVA-HR in the published layout with random weights: 96 pixels, a map of 3 by 3 for a grid of 6 by 6, CLIP of 8 blocks, a decoder of 4 layers with
/// routers, the tokenizer of the shipped model, and a picture.
/// </summary>
internal sealed class TinyHr : IDisposable
{
    public const int Side = 96, Tokens = 36, Layers = 4;

    private const int Width = 64, Inner = 96, Blocks = 8, Patch = 56, Vocabulary = 439;
    private const string Root = "model.vision_tower.";

    private static readonly int[] _widths = [4, 6, 8, 12];

    private static readonly DecoderSpec _decoder = new()
    {
        HiddenSize = 32,
        IntermediateSize = 48,
        Layers = Layers,
        Heads = 4,
        KeyValueHeads = 4,
        HeadSize = 8,
        VocabularySize = Vocabulary,
        Rotary = new RotaryConfig { Dimensions = 8, MaxPositions = 512 },
    };

    private readonly string _root = Directory.CreateTempSubdirectory("aperture-llava-hr").FullName;

    public TinyHr()
    {
        Write("hr", _ => { }, _ => true);
        byte[] pixels = new byte[130 * 90 * 3];
        new Random(1).NextBytes(pixels);
        Image.FromRgb(pixels, 130, 90).SavePng(Picture);
    }

    public string Folder => At("hr");

    public string Picture => At("picture.png");

    /// <summary>The root of the checkout.</summary>
    public static string Repository => Path.GetFullPath(Path.Combine(Path.GetDirectoryName(Here())!, "..", "..", ".."));

    public string At(string name) => Path.Combine(_root, name);

    /// <summary>Writes another checkpoint.</summary>
    /// <param name="name">Its folder's name.</param>
    /// <param name="change">Changes config.json.</param>
    /// <param name="has">Which tensors it has.</param>
    /// <param name="blocks">Blocks of the low-resolution tower.</param>
    /// <returns>The folder.</returns>
    public string Write(string name, Action<JsonObject> change, Func<string, bool> has, int blocks = Blocks)
    {
        string folder = Directory.CreateDirectory(At(name)).FullName, shipped = Path.Combine(Repository, "scripts", "models", "tiny-llava");
        JsonObject config = JsonNode.Parse(Config)!.AsObject();
        change(config);
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        foreach (string file in new[] { "tokenizer.json", "tokenizer_config.json" })
        {
            File.Copy(Path.Combine(shipped, file), Path.Combine(folder, file));
        }

        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(7, CPU);
        SafetensorsWriter.Save(
            Path.Combine(folder, "model.safetensors"),
            Shapes(blocks).Where(tensor => has(tensor.Name)).ToDictionary(tensor => tensor.Name, tensor => Values(tensor.Name, tensor.Shape, generator)));
        return folder;
    }

    /// <summary>Writes some tensors of the model under other names, as a checkpoint of its own.</summary>
    /// <param name="name">The folder's name.</param>
    /// <param name="rename">The new name of a tensor; null leaves it out.</param>
    public void WritePart(string name, Func<string, string?> rename)
    {
        using DisposeScope scope = NewDisposeScope();
        using IWeightSource source = WeightFiles.Open(Folder), part = source.Rename(rename);
        SafetensorsWriter.Save(Path.Combine(Directory.CreateDirectory(At(name)).FullName, "model.safetensors"), part.Names.ToDictionary(own => own, part.Load));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private const string Config = """
        {
          "architectures": ["LlavaLlamaForCausalLM"], "model_type": "llava", "mm_vision_tower": "openai/clip-vit-large-patch14-336",
          "vision_tower_slow": "convnext_large_mlp.clip_laion2b_ft_320", "is_multipath_encoder": true, "input_image_size": 96, "freeze_vision": false,
          "mm_projector_type": "mlp2x_gelu", "mm_hidden_size": 64, "image_aspect_ratio": "pad", "mm_vision_select_layer": -2,
          "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 439,
          "max_position_embeddings": 512
        }
        """;

    private static IEnumerable<(string Name, long[] Shape)> Shapes(int blocks)
    {
        const string Fast = Root + "fast_vision_tower.vision_tower.vision_model.", Slow = Root + "slow_vision_tower.vision_tower.";
        string[] attention = ["q_proj", "k_proj", "v_proj", "out_proj"];
        int grid = 336 / Patch, slow = _widths[^1];
        return
        [
            (Fast + "embeddings.class_embedding", [Width]), (Fast + "embeddings.patch_embedding.weight", [Width, 3, Patch, Patch]),
            (Fast + "embeddings.position_embedding.weight", [1 + (grid * grid), Width]), .. Norm(Fast + "pre_layrnorm", Width),
            .. Enumerable.Range(0, blocks).Select(block => $"{Fast}encoder.layers.{block}.").SelectMany(block => (IEnumerable<(string, long[])>)
            [
                .. Norm(block + "layer_norm1", Width), .. attention.SelectMany(name => Linear($"{block}self_attn.{name}", Width, Width)),
                .. Norm(block + "layer_norm2", Width), .. Linear(block + "mlp.fc1", Inner, Width), .. Linear(block + "mlp.fc2", Width, Inner),
            ]),
            .. Norm(Fast + "post_layernorm", Width),
            (Slow + "stem.0.weight", [_widths[0], 3, 4, 4]), (Slow + "stem.0.bias", [_widths[0]]), .. Norm(Slow + "stem.1", _widths[0]),
            .. Enumerable.Range(0, 4).SelectMany(stage => Stage($"{Slow}stages.{stage}.", stage)),
            .. Linear(Slow + "head.fc", 10, slow),
            .. Enumerable.Range(0, 3).SelectMany(adapter => Adapter($"{Root}align_stages_latent.{adapter}.", slow)),
            .. Linear(Root + "align_stages.0.fast_proj", Width, Width), .. Linear(Root + "align_stages.0.slow_proj", Width, slow),
            .. Linear("model.mm_projector.0", 32, Width), .. Linear("model.mm_projector.2", 32, 32),
            .. Enumerable.Range(1, 2).Select(layer => ($"model.layers.{layer}.router.weight", new long[] { 2, 32 })),
            .. RandomWeights.DecoderShapes(_decoder, "model.", "lm_head"),
        ];
    }

    private static IEnumerable<(string, long[])> Stage(string name, int stage)
    {
        int c = _widths[stage];
        IEnumerable<(string, long[])> down = stage == 0 ? []
            :
            [
                .. Norm(name + "downsample.0", _widths[stage - 1]), (name + "downsample.1.weight", [c, _widths[stage - 1], 2, 2]),
                (name + "downsample.1.bias", [c]),
            ];
        return
        [
            .. down, (name + "blocks.0.conv_dw.weight", [c, 1, 7, 7]), (name + "blocks.0.conv_dw.bias", [c]), .. Norm(name + "blocks.0.norm", c),
            .. Linear(name + "blocks.0.mlp.fc1", 4 * c, c), .. Linear(name + "blocks.0.mlp.fc2", c, 4 * c), (name + "blocks.0.weight", [c]),
        ];
    }

    private static IEnumerable<(string, long[])> Adapter(string name, int slow)
        => MrAdapter.Shapes(slow, Width)
            .SelectMany(layer => new[] { (name + layer.Name + ".weight", layer.Shape), (name + layer.Name + ".bias", [layer.Shape[0]]) });

    private static IEnumerable<(string, long[])> Linear(string name, long outputs, long inputs)
        => [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])];

    private static IEnumerable<(string, long[])> Norm(string name, long width) => [(name + ".weight", [width]), (name + ".bias", [width])];

    private static Tensor Values(string name, long[] shape, Generator generator)
        => name.Contains("norm", StringComparison.Ordinal) && name.EndsWith(".weight", StringComparison.Ordinal)
            ? ones(shape)
            : randn(shape, generator: generator).mul_(name.Contains("patch_embedding", StringComparison.Ordinal) ? 0.02 : 0.2);

    private static string Here([CallerFilePath] string file = "") => file;
}
