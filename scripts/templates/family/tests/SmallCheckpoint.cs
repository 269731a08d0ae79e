using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace MyFamily.Tests;

/// <summary>Writes a checkpoint of the family's shape with random weights, 16 visual tokens a picture and the tokenizer of the shipped model.</summary>
internal static class SmallCheckpoint
{
    /// <summary>config.json.</summary>
    public const string Config = """
        {
          "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "image_token_index": 437,
          "vision_feature_layer": -2, "vision_feature_select_strategy": "full",
          "vision_config": {
            "model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2,
            "image_size": 36, "patch_size": 9
          },
          "text_config": {
            "model_type": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
            "num_key_value_heads": 2, "vocab_size": 439, "max_position_embeddings": 512
          }
        }
        """;

    /// <summary>preprocessor_config.json.</summary>
    public const string Processor = """
        { "image_processor_type": "SiglipImageProcessor", "size": { "height": 36, "width": 36 }, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5] }
        """;

    private const int Width = 16, Inner = 24, Blocks = 3, Grid = 4, Patch = 9;
    private const string Tower = "vision_tower.vision_model.";

    private static readonly DecoderSpec _decoder = new()
    {
        HiddenSize = 32,
        IntermediateSize = 48,
        Layers = 4,
        Heads = 4,
        KeyValueHeads = 2,
        HeadSize = 8,
        VocabularySize = 439,
        Rotary = new RotaryConfig { Dimensions = 8, MaxPositions = 512 },
    };

    /// <summary>Writes the folder.</summary>
    /// <param name="folder">The folder; created if need be.</param>
    /// <param name="tokenizer">The folder of a checkpoint whose tokenizer is taken.</param>
    public static void Write(string folder, string tokenizer)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), Config);
        File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), Processor);
        foreach (string file in new[] { "tokenizer.json", "tokenizer_config.json" })
        {
            File.Copy(Path.Combine(tokenizer, file), Path.Combine(folder, file));
        }

        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(7, CPU);
        (string Name, long[] Shape)[] shapes =
        [
            .. TowerShapes(),
            .. Linear("multi_modal_projector.linear_1", 32, Width), .. Linear("multi_modal_projector.linear_2", 32, 32),
            .. RandomWeights.DecoderShapes(_decoder, "language_model.model.", "language_model.lm_head"),
        ];
        SafetensorsWriter.Save(
            Path.Combine(folder, "model.safetensors"), shapes.ToDictionary(tensor => tensor.Name, tensor => Values(tensor.Name, tensor.Shape, generator)));
    }

    private static IEnumerable<(string Name, long[] Shape)> TowerShapes()
    {
        string[] attention = ["q_proj", "k_proj", "v_proj", "out_proj"];
        return
        [
            (Tower + "embeddings.patch_embedding.weight", [Width, 3, Patch, Patch]), (Tower + "embeddings.patch_embedding.bias", [Width]),
            (Tower + "embeddings.position_embedding.weight", [Grid * Grid, Width]),
            .. Enumerable.Range(0, Blocks).Select(block => $"{Tower}encoder.layers.{block}.").SelectMany(block => (IEnumerable<(string, long[])>)
            [
                .. Norm(block + "layer_norm1"), .. attention.SelectMany(name => Linear($"{block}self_attn.{name}", Width, Width)),
                .. Norm(block + "layer_norm2"), .. Linear(block + "mlp.fc1", Inner, Width), .. Linear(block + "mlp.fc2", Width, Inner),
            ]),
            .. Norm(Tower + "post_layernorm"),
            (Tower + "head.probe", [1, 1, Width]), // of SigLIP's pooling head, which takes no part
        ];
    }

    private static IEnumerable<(string, long[])> Linear(string name, long outputs, long inputs)
        => [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])];

    private static IEnumerable<(string, long[])> Norm(string name) => [(name + ".weight", [Width]), (name + ".bias", [Width])];

    // Gains of norms 1, all else large enough that what is in a picture decides what is said about it.
    private static Tensor Values(string name, long[] shape, Generator generator)
        => name.Contains("norm", StringComparison.Ordinal) && name.EndsWith(".weight", StringComparison.Ordinal)
            ? ones(shape)
            : randn(shape, generator: generator).mul_(0.3);
}
