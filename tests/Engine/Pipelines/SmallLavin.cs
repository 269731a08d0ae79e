using Aperture.Hub;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>
/// A LaVIN with random weights in its authors' layout: LLaMA and CLIP files, tokenizer, and the adapter files of LaVIN and of EAS in folders of their own.
/// Written once for all tests.
/// </summary>
public sealed class SmallLavin : IDisposable
{
    public const int Layers = 4, Width = 32;
    private const int Heads = 4, Hidden = 96, TowerWidth = 64, TowerLayers = 8, Patch = 8, Side = 32;
    private readonly Generator _generator = new(5, CPU);

    public SmallLavin()
    {
        using DisposeScope scope = NewDisposeScope();
        Root = Directory.CreateTempSubdirectory("aperture-lavin").FullName;
        string tokenizer = Repository.Path("tests", "Golden", "data", "text", "tiny", "llama", "tokenizer.model");
        Vocabulary = SentencePieceModel.Load(tokenizer).VocabularySize;
        Directory.CreateDirectory(Folder);
        File.Copy(tokenizer, Path.Combine(Root, "tokenizer.model"));
        File.WriteAllText(
            Path.Combine(Folder, "params.json"),
            $$"""{"dim": {{Width}}, "multiple_of": 16, "n_heads": {{Heads}}, "n_layers": {{Layers}}, "norm_eps": 1e-06, "vocab_size": -1}""");

        // What a weights file is, its content says: these hold safetensors under the published names.
        Save(Path.Combine(Folder, "consolidated.00.pth"), Llama());
        Save(Path.Combine(Root, "ViT-L-14.pt"), Tower());
        Save(Adapters, AdapterTensors(replacements: false));
        Save(EasAdapters, AdapterTensors(replacements: true));
        Save(ZeroAdapters, AdapterTensors(replacements: true).ToDictionary(
            entry
                => entry.Key,
                entry
                    => entry.Key.Contains("conv_B", StringComparison.Ordinal) || entry.Key.Contains("conv_D", StringComparison.Ordinal)
                        ? zeros_like(entry.Value)
                        : entry.Value));
        byte[] pixels = new byte[40 * 30 * 3];
        new Random(1).NextBytes(pixels);
        Image.FromRgb(pixels, 40, 30).SavePng(Picture);
    }

    public string Root { get; }

    public int Vocabulary { get; }

    public string Folder => Path.Combine(Root, "7B");

    public string Picture => Path.Combine(Root, "picture.png");

    public string Adapters => Path.Combine(Root, "files", "lavin.pth");

    public string EasAdapters => Path.Combine(Root, "files", "eas.pth");

    public string ZeroAdapters => Path.Combine(Root, "files", "zero.pth");

    public ModelOptions Options(string adapters) => new() { Type = "float32", Threads = 1, Adapters = adapters };

    /// <summary>A session over the plugins that are built beside the tests.</summary>
    public EngineSession Open() => EngineSessions.Open(new ModelOptions());

    public void Dispose()
    {
        _generator.Dispose();
        Directory.Delete(Root, recursive: true);
    }

    private static void Save(string path, Dictionary<string, Tensor> tensors)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        SafetensorsWriter.Save(path, tensors);
    }

    private Tensor Noise(params long[] shape)
    {
        using Tensor noise = randn(shape, generator: _generator);
        return shape.Length == 1 ? noise.mul(0.1) : noise.mul(1 / Math.Sqrt(shape[1]));
    }

    private Dictionary<string, Tensor> Llama()
    {
        Dictionary<string, Tensor> tensors = new()
        {
            ["tok_embeddings.weight"] = Noise(Vocabulary, Width),
            ["norm.weight"] = ones(Width),
            ["output.weight"] = Noise(Vocabulary, Width),
        };
        for (int layer = 0; layer < Layers; layer++)
        {
            string prefix = $"layers.{layer}.";
            foreach (string name in new[] { "wq", "wk", "wv", "wo" })
            {
                tensors[$"{prefix}attention.{name}.weight"] = Noise(Width, Width);
            }

            tensors[prefix + "feed_forward.w1.weight"] = Noise(Hidden, Width);
            tensors[prefix + "feed_forward.w2.weight"] = Noise(Width, Hidden);
            tensors[prefix + "feed_forward.w3.weight"] = Noise(Hidden, Width);
            tensors[prefix + "attention_norm.weight"] = ones(Width);
            tensors[prefix + "ffn_norm.weight"] = ones(Width);
        }

        return tensors;
    }

    private Dictionary<string, Tensor> Tower()
    {
        Dictionary<string, Tensor> tensors = new()
        {
            ["visual.class_embedding"] = Noise(TowerWidth),
            ["visual.conv1.weight"] = Noise(TowerWidth, 3, Patch, Patch),
            ["visual.positional_embedding"] = Noise(1 + (Side / Patch * (Side / Patch)), TowerWidth),
        };
        void Norm(string name) => (tensors[name + ".weight"], tensors[name + ".bias"]) = (ones(TowerWidth), Noise(TowerWidth));
        Norm("visual.ln_pre");
        for (int block = 0; block < TowerLayers; block++)
        {
            string prefix = $"visual.transformer.resblocks.{block}.";
            Norm(prefix + "ln_1");
            Norm(prefix + "ln_2");
            (tensors[prefix + "attn.in_proj_weight"], tensors[prefix + "attn.in_proj_bias"]) = (Noise(3 * TowerWidth, TowerWidth), Noise(3 * TowerWidth));
            (tensors[prefix + "attn.out_proj.weight"], tensors[prefix + "attn.out_proj.bias"]) = (Noise(TowerWidth, TowerWidth), Noise(TowerWidth));
            (tensors[prefix + "mlp.c_fc.weight"], tensors[prefix + "mlp.c_fc.bias"]) = (Noise(4 * TowerWidth, TowerWidth), Noise(4 * TowerWidth));
            (tensors[prefix + "mlp.c_proj.weight"], tensors[prefix + "mlp.c_proj.bias"]) = (Noise(TowerWidth, 4 * TowerWidth), Noise(TowerWidth));
        }

        return tensors;
    }

    private Dictionary<string, Tensor> AdapterTensors(bool replacements)
    {
        Dictionary<string, Tensor> tensors = new()
        {
            ["adapter_proj.conv_A.weight"] = Noise(12, TowerWidth),
            ["adapter_proj.conv_A.bias"] = Noise(12),
            ["adapter_proj.conv_B.weight"] = Noise(Width, 12),
            ["adapter_proj.conv_B.bias"] = Noise(Width),
            ["adapter_modality_embedding.weight"] = Noise(2, Width),
        };
        void Convolution(string name, int outputs, int inputs)
            => (tensors[name + ".weight"], tensors[name + ".bias"]) = (Noise(outputs, inputs, 1), Noise(outputs));
        void Adapter(string prefix, int width, int hidden, bool replaces)
        {
            Convolution(prefix + "conv_A", hidden, width);
            Convolution(prefix + "conv_B", width, hidden / 2);
            Convolution(prefix + "conv_D", width, hidden / 2);
            (tensors[prefix + "expert_weights.weight"], tensors[prefix + "expert_weights.bias"]) = (Noise(2, width), Noise(2));
            if (replaces)
            {
                Convolution(prefix + "conv_C", hidden, width);
            }
        }

        for (int layer = 0; layer < Layers; layer++)
        {
            Adapter($"layers.{layer}.adapter_attn.", Width, 4, replaces: false);
            if (replacements)
            {
                Adapter($"layers.{layer}.replaced_adapter.", Width, 8, replaces: true);
            }
        }

        for (int block = 0; block < TowerLayers; block++)
        {
            Adapter($"backbone.visual.transformer.resblocks.{block}.adapter_attn.", TowerWidth, 4, replaces: false);
        }

        return tensors;
    }
}
