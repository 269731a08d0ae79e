using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Family;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Sequences;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Tests;

/// <summary>Tokens and operations at the published sizes: SigLIP-so400m, Phi-2, 9 queries; 81 tokens a picture, 405 in HD.</summary>
public sealed class PublishedFiguresTests
{
    private const int Hidden = 2560, Channels = 1152, Width = 576, Heads = 32, Patches = 729, Words = 20, Queries = 9;

    private static readonly DecoderInfo _phi2 = new()
    {
        Model = "phi-2",
        Layers = 32,
        HiddenSize = Hidden,
        IntermediateSize = 10240,
        GatedFeedForward = false,
        Heads = Heads,
        KeyValueHeads = Heads,
        HeadSize = 80,
        VocabularySize = 51200,
    };

    [Theory]
    [InlineData(1, 81, 1.94, 3.6, 1.54, 0.64e3)]
    [InlineData(5, 405, 9.7, 17.2, 7.7, 3.2e3)]
    public void Modules_cost_what_the_formulas_say(int tiles, int tokens, double pooling, double queries, double projector, double tower)
    {
        using SpatialPooling sap = SpatialPooling.Load(Zeros(SpatialPooling.Shapes(Channels)), Policy);
        using EmbeddedQuery block = new(EmbqWeights.Load(Zeros(EmbqWeights.Shapes(Hidden, Width, Channels)), Policy), Heads);
        int n = tiles * Patches;

        Assert.Equal(tokens, tiles * SpatialPooling.Cells(FlashSlothTower.So400M.InputGrid, 3).Count);
        Near(pooling, sap.Macs(n));
        Near(queries, block.ImageMacs(n) + block.QuestionMacs(Queries, Words, n));
        Near(projector, tokens * ((long)(Channels * Hidden) + (Hidden * Hidden)));
        Near(tower, tiles * TowerMacs());
    }

    [Fact]
    public void Fused_values_cost_what_going_beyond_promises()
    {
        using EmbeddedQuery fused = new(EmbqWeights.Load(Zeros(EmbqWeights.Shapes(Hidden, Width, Channels)), Policy), Heads, fuseValues: true);

        Assert.Equal(2.1, 2 * (fused.ImageMacs(Patches) + fused.QuestionMacs(Queries, Words, Patches)) / 1e9, 0.05);
    }

    [Theory]
    [InlineData(81, 23, 150, 0.80)]
    [InlineData(405, 23, 474, 2.58)]
    [InlineData(729, 23, 798, 4.43)]
    [InlineData(3645, 23, 3714, 24.2)]
    public void A_prompt_is_as_long_and_costs_as_much_as_published(int visual, int words, int rows, double teraFlops)
    {
        // 32 ids in front, a line break, the question, the queries, four ids of the model's role.
        Assert.Equal(rows, 32 + visual + 1 + words + Queries + 4);

        long macs = (_phi2.Layers * LayerRows.Full(rows).Macs(_phi2)) + ((long)rows * Hidden * _phi2.VocabularySize);

        Assert.Equal(teraFlops, 2 * macs / 1e12, 0.006 * teraFlops);
    }

    [Fact]
    public void The_modules_have_as_many_parameters_as_the_published_checkpoints()
    {
        Assert.Equal(8_084_416, EmbqWeights.Shapes(Hidden, Width, Channels).Sum(own => own.Shape.Aggregate(1L, (all, size) => all * size)));
        Assert.Equal(1_329_409, SpatialPooling.Shapes(Channels).Sum(own => own.Shape.Aggregate(1L, (all, size) => all * size)));
    }

    private static WeightPolicy Policy => new(CPU, ScalarType.Float32, ScalarType.Float32);

    private static void Near(double gigaFlops, long macs) => Assert.Equal(gigaFlops, 2 * macs / 1e9, 0.02 * gigaFlops);

    private static TensorWeights Zeros(IReadOnlyList<(string Name, long[] Shape)> shapes)
        => new(shapes.ToDictionary(own => own.Name, own => zeros(own.Shape)));

    // 26 blocks, from what one costs.
    private static long TowerMacs()
    {
        VisionTransformerConfig config = FlashSlothTower.So400M;
        int c = config.HiddenSize, m = config.IntermediateSize;
        Dictionary<string, Tensor> table = new()
        {
            ["embeddings.patch_embedding.weight"] = zeros(c, 3, 14, 14),
            ["embeddings.patch_embedding.bias"] = zeros(c),
            ["embeddings.position_embedding.weight"] = zeros(Patches, c),
        };
        void Linear(string name, int outputs, int inputs)
        {
            table[$"encoder.layers.0.{name}.weight"] = zeros(outputs, inputs);
            table[$"encoder.layers.0.{name}.bias"] = zeros(outputs);
        }

        foreach (string name in new[] { "q_proj", "k_proj", "v_proj", "out_proj" })
        {
            Linear("self_attn." + name, c, c);
        }

        Linear("mlp.fc1", m, c);
        Linear("mlp.fc2", c, m);
        foreach (string norm in new[] { "layer_norm1", "layer_norm2" })
        {
            table[$"encoder.layers.0.{norm}.weight"] = zeros(c);
            table[$"encoder.layers.0.{norm}.bias"] = zeros(c);
        }

        using TensorWeights source = new(table);
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        long Macs(int blocks)
        {
            using VisionTransformer tower = new(
                config, VisionTransformerWeights.Load(source, "", SiglipVision.Keys, config, Policy, blocks, postNorm: false), ops);
            return tower.Macs(config.InputGrid);
        }

        long embedding = Macs(0);
        return embedding + (26 * (Macs(1) - embedding));
    }
}
