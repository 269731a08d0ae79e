using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.Eas.Meter;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests.Meter;

/// <summary>A METER of random weights under published names, small enough for tests.</summary>
internal static class TinyMeter
{
    public const int Heads = 2, Answers = 5, Side = 16;
    private const int Width = 16, Inner = 24, TextLayers = 2, VisionBlocks = 2, Patch = 8, Positions = 64;

    public static readonly WeightPolicy Policy = new(CPU, ScalarType.Float32, ScalarType.Float32);

    /// <summary>The weights; the caller disposes them.</summary>
    /// <param name="vocabulary">Tokens of the text encoder.</param>
    /// <param name="adapted">With EAS's adapters, B and D random as well.</param>
    /// <param name="tokenTypes">2, or 3 for two pictures.</param>
    /// <param name="layers">Cross-modal layers of each stream; the published ones have 6.</param>
    public static TensorWeights Weights(int vocabulary = 40, bool adapted = true, int tokenTypes = 3, int layers = 2)
    {
        using Generator generator = new(1, CPU);
        Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
        void Add(string name, params long[] shape)
        {
            using Tensor normal = randn(shape, generator: generator);
            tensors[name] = normal.mul(0.3);
        }

        void AddLinear(string name, int outputs, int inputs)
        {
            Add(name + ".weight", outputs, inputs);
            Add(name + ".bias", outputs);
        }

        void AddNorm(string name)
        {
            Add(name + ".bias", Width);
            tensors[name + ".weight"] = ones(Width);
        }

        void AddAttention(string name)
        {
            foreach (string part in new[] { "self.query", "self.key", "self.value", "output.dense" })
            {
                AddLinear(name + part, Width, Width);
            }

            AddNorm(name + "output.LayerNorm");
        }

        void AddFeedForward(string name)
        {
            AddLinear(name + "intermediate.dense", Inner, Width);
            AddLinear(name + "output.dense", Width, Inner);
            AddNorm(name + "output.LayerNorm");
        }

        void AddHead(string name, int inputs, int labels)
        {
            foreach ((string part, Tensor tensor) in MeterInitialisation.Head(name, inputs, 2 * Width, labels, generator))
            {
                tensors[part] = tensor;
            }
        }

        string embeddings = MeterKeys.Text + "embeddings.";
        Add(embeddings + "word_embeddings.weight", vocabulary, Width);
        Add(embeddings + "position_embeddings.weight", Positions, Width);
        Add(embeddings + "token_type_embeddings.weight", 1, Width);
        AddNorm(embeddings + "LayerNorm");
        for (int layer = 0; layer < TextLayers; layer++)
        {
            AddAttention($"{MeterKeys.Text}encoder.layer.{layer}.attention.");
            AddFeedForward($"{MeterKeys.Text}encoder.layer.{layer}.");
        }

        Add(MeterKeys.Vision + "conv1.weight", Width, 3, Patch, Patch);
        Add(MeterKeys.Vision + "class_embedding", Width);
        Add(MeterKeys.VisionPositions, 1 + (Side / Patch * (Side / Patch)), Width);
        AddNorm(MeterKeys.Vision + "ln_pre");
        AddNorm(MeterKeys.Vision + "ln_post");
        for (int block = 0; block < VisionBlocks; block++)
        {
            string name = $"{MeterKeys.Vision}transformer.resblocks.{block}.";
            Add(name + "attn.in_proj_weight", 3 * Width, Width);
            Add(name + "attn.in_proj_bias", 3 * Width);
            AddLinear(name + "attn.out_proj", Width, Width);
            AddLinear(name + "mlp.c_fc", Inner, Width);
            AddLinear(name + "mlp.c_proj", Width, Inner);
            AddNorm(name + "ln_1");
            AddNorm(name + "ln_2");
        }

        foreach (string linear in new[] { MeterKeys.TextTransform, MeterKeys.ImageTransform, MeterKeys.TextPooler, MeterKeys.ImagePooler })
        {
            AddLinear(linear, Width, Width);
        }

        for (int layer = 0; layer < layers; layer++)
        {
            foreach (string name in new[] { MeterKeys.TextLayer(layer), MeterKeys.ImageLayer(layer) })
            {
                AddAttention(name + "attention.");
                AddAttention(name + "crossattention.");
                AddFeedForward(name);
            }
        }

        Add(MeterKeys.TokenTypes, tokenTypes, Width);
        AddLinear("itm_score.fc", 2, 2 * Width);
        AddHead("vqa_classifier", 2 * Width, Answers);
        AddHead("nlvr2_classifier", 4 * Width, 2);
        AddHead("snli_classifier", 2 * Width, 3);
        if (adapted)
        {
            foreach ((string name, Tensor tensor) in MeterInitialisation.Adapters(Config(new TensorWeights(tensors)), 8, 12, generator))
            {
                using Tensor noise = randn(tensor.shape, generator: generator);
                tensors[name] = tensor.add_(noise, alpha: 0.1);
            }

            Add(MeterKeys.ClassifierToken, 1, 1, Width);
        }

        return new TensorWeights(tensors);
    }

    public static MeterConfig Config(IWeightSource weights) => MeterConfig.Read(weights, Heads, Heads);

    public static MeterModel Load(IWeightSource weights, bool trainable = false) => MeterModel.Load(weights, Config(weights), Policy, trainable);

    /// <summary>Pooled features of a short text and a random picture; the caller disposes them.</summary>
    public static Tensor Pooled(MeterModel model, IReadOnlyList<int> arms, bool legacyArmMap = true)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using Generator generator = new(7, CPU);
        Tensor ids = tensor(new long[] { 0, 5, 6, 7, 2, 1, 1 }, [1, 7]), mask = tensor(new long[] { 1, 1, 1, 1, 1, 0, 0 }, [1, 7]);
        Tensor pixels = randn([1, 3, Side, Side], generator: generator);
        MeterPlan plan = MeterPlan.FromArms(arms, model.Config.Layers, legacyArmMap);
        return model.Fuse(model.EncodeText(ids, mask), mask, model.EncodeImage(pixels), plan).Pooled.MoveToOuterDisposeScope();
    }
}
