using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>
/// A LLaVA-1.6 of random weights in both published layouts, the authors' with its tower inside; and a picture of 120 x 90 pixels, which is looked at in four
/// tiles. Written once for all tests.
/// </summary>
public sealed class SmallNext : IDisposable
{
    /// <summary>Tokens of the picture: 16 of the whole, then six rows of eight and a separator.</summary>
    public const int Tokens = 16 + (6 * 9);
    private const string Pinpoints = "[[32, 64], [64, 32], [64, 64]]";

    private static readonly ModelShape _shape = new(
        "next",
        new DecoderSpec
        {
            HiddenSize = 32,
            IntermediateSize = 48,
            Layers = 4,
            Heads = 4,
            KeyValueHeads = 2,
            HeadSize = 8,
            VocabularySize = 32064,
            NormEpsilon = 1e-5,
            MaxPositions = 512,
            Rotary = new RotaryConfig { Dimensions = 8, MaxPositions = 512 },
        },
        new VisionTransformerConfig { HiddenSize = 64, IntermediateSize = 32, Layers = 3, Heads = 1, ImageSize = 32, PatchSize = 8 });

    public SmallNext()
    {
        using DisposeScope scope = NewDisposeScope();
        Root = Directory.CreateTempSubdirectory("aperture-next").FullName;
        string plain = Path.Combine(Root, "plain");
        RandomCheckpoint.Write(plain, _shape, ScalarType.Float16, _ => { }, CancellationToken.None);
        using (IWeightSource source = WeightFiles.Open(plain))
        {
            Dictionary<string, Tensor> weights = source.Names.ToDictionary(name => name, source.Load, StringComparer.Ordinal);
            weights["image_newline"] = randn([32], dtype: ScalarType.Float16, generator: new Generator(5, CPU)).mul_(0.02);
            Write(HuggingFace, weights);
            Write(Original, weights.ToDictionary(weight => Renamed(weight.Key), weight => weight.Value, StringComparer.Ordinal));
        }

        string config = File.ReadAllText(Path.Combine(plain, "config.json"));
        File.WriteAllText(
            Path.Combine(HuggingFace, "config.json"),
            config.Replace("\"llava\"", $"\"llava_next\", \"image_grid_pinpoints\": {Pinpoints}", StringComparison.Ordinal));
        File.WriteAllText(Path.Combine(Original, "config.json"), $$"""
            {
              "model_type": "llava_llama", "vocab_size": 32064, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 4, "num_attention_heads": 4,
              "num_key_value_heads": 2, "max_position_embeddings": 512, "rms_norm_eps": 1e-05, "mm_projector_type": "mlp2x_gelu", "mm_hidden_size": 64,
              "mm_vision_tower": "nobody/no-such-tower", "mm_vision_select_layer": -2, "mm_vision_select_feature": "patch",
              "image_aspect_ratio": "anyres", "mm_patch_merge_type": "spatial_unpad", "image_grid_pinpoints": "{{Pinpoints}}"
            }
            """);
        foreach (string folder in new[] { HuggingFace, Original })
        {
            File.Copy(Path.Combine(plain, "tokenizer.json"), Path.Combine(folder, "tokenizer.json"));
        }

        byte[] pixels = new byte[120 * 90 * 3];
        new Random(1).NextBytes(pixels);
        Image.FromRgb(pixels, 120, 90).SavePng(Picture);
    }

    public string Root { get; }

    public string HuggingFace => Path.Combine(Root, "next");

    public string Original => Path.Combine(Root, "original");

    public string Picture => Path.Combine(Root, "picture.png");

    /// <summary>A session of its own over the plugins that are built beside the tests.</summary>
    public EngineSession Open(ModelOptions? options = null) => EngineSessions.Open(options);

    public void Dispose() => Directory.Delete(Root, recursive: true);

    private static void Write(string folder, Dictionary<string, Tensor> weights)
    {
        Directory.CreateDirectory(folder);
        SafetensorsWriter.Save(Path.Combine(folder, "model.safetensors"), weights);
    }

    // Hugging Face's name to the authors'.
    private static string Renamed(string name)
        => name == "image_newline" ? "model.image_newline" : name
            .Replace("language_model.model.", "model.", StringComparison.Ordinal)
            .Replace("language_model.lm_head", "lm_head", StringComparison.Ordinal)
            .Replace("multi_modal_projector.linear_1", "model.mm_projector.0", StringComparison.Ordinal)
            .Replace("multi_modal_projector.linear_2", "model.mm_projector.2", StringComparison.Ordinal)
            .Replace("vision_tower.vision_model.", "model.vision_tower.vision_tower.vision_model.", StringComparison.Ordinal);
}
