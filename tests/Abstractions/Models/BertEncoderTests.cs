using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Text;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Models;

/// <summary>The text encoder's positions, limits and ownership; its numbers are held against recorded ones elsewhere.</summary>
[Collection("tensors")]
public sealed class BertEncoderTests
{
    private static readonly BertConfig _roberta = new()
    {
        Vocabulary = 30,
        HiddenSize = 8,
        IntermediateSize = 12,
        Layers = 2,
        Heads = 2,
        Positions = 12,
        TokenTypes = 1,
        PadId = 1,
        PositionsSkipPadding = true,
    };

    [Fact]
    public void Padding_in_front_changes_nothing_for_RoBERTa()
    {
        using TensorWeights weights = Random(_roberta);
        using BertEncoder encoder = Load(weights, _roberta);
        using Tensor plain = tensor(new long[] { 5, 6, 7 }, [1, 3]), padded = tensor(
            new long[] { 1, 1, 5, 6, 7 }, [1, 5]), mask = tensor(new long[] { 0, 0, 1, 1, 1 }, [1, 5]);

        using Tensor expected = encoder.Run(plain);
        using Tensor all = encoder.Run(padded, mask);

        using Tensor actual = all.narrow(1, 2, 3), difference = actual.sub(expected).abs().max();
        Assert.InRange(difference.item<float>(), 0, 1e-5);
    }

    [Fact]
    public void A_text_beyond_the_position_table_is_refused()
    {
        using TensorWeights weights = Random(_roberta);
        using BertEncoder encoder = Load(weights, _roberta);
        using Tensor ids = ones(1, 11, dtype: ScalarType.Int64);

        ApertureException error = Assert.Throws<ApertureException>(() => encoder.Run(ids));

        Assert.Equal("A text of 11 tokens does not fit: the encoder takes at most 10; truncate it.", error.Message);
    }

    [Theory]
    [InlineData(30)]
    [InlineData(-1)]
    public void An_id_beyond_the_vocabulary_is_refused(long id)
    {
        using TensorWeights weights = Random(_roberta);
        using BertEncoder encoder = Load(weights, _roberta);
        using Tensor ids = tensor(new[] { 2, id }, [1, 2]);

        ApertureException error = Assert.Throws<ApertureException>(() => encoder.Run(ids));

        Assert.Contains($"Token id {id} is not in the encoder's vocabulary of 30", error.Message);
    }

    [Fact]
    public void Dropout_leaves_the_mean_and_is_off_by_default()
    {
        using TensorWeights weights = Random(_roberta);
        using BertEncoder encoder = Load(weights, _roberta);
        using Tensor ids = tensor(new long[] { 5, 6, 7 }, [1, 3]);

        using Tensor first = encoder.Run(ids), second = encoder.Run(ids), dropped = encoder.Run(ids, dropout: 0.5);

        Assert.True(first.equal(second).all().item<bool>());
        Assert.False(first.equal(dropped).all().item<bool>());
    }

    [Fact]
    public void Old_names_of_norms_are_read()
    {
        using TensorWeights weights = Random(_roberta);
        IWeightSource old = weights.Rename(
            name
                => name.Replace("LayerNorm.weight", "LayerNorm.gamma", StringComparison.Ordinal)
                    .Replace("LayerNorm.bias", "LayerNorm.beta", StringComparison.Ordinal));
        using BertEncoder expected = Load(weights, _roberta), encoder = Load(old, _roberta);
        using Tensor ids = tensor(new long[] { 5, 6, 7 }, [1, 3]);

        using Tensor first = expected.Run(ids), second = encoder.Run(ids);

        Assert.True(first.equal(second).all().item<bool>());
    }

    [Theory]
    [InlineData("""{"model_type": "distilbert"}""", "model_type 'distilbert' is not supported")]
    [InlineData("""{"model_type": "bert", "position_embedding_type": "relative_key"}""", "position_embedding_type 'relative_key' is not supported")]
    [InlineData("""{"model_type": "bert", "hidden_size": 770}""", "hidden size 770 is not a multiple of 12 attention heads")]
    [InlineData("""{"model_type": "roberta", "pad_token_id": 600, "max_position_embeddings": 514}""", "514 positions leave no room")]
    public void A_wrong_configuration_is_one_line(string json, string expected)
    {
        using JsonDocument document = JsonDocument.Parse(json);

        ApertureException error = Assert.Throws<ApertureException>(() => BertConfig.Parse(document.RootElement, "config.json"));

        Assert.StartsWith("config.json: ", error.Message);
        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void Running_leaves_no_tensor_behind()
    {
        using TensorWeights weights = Random(_roberta);
        using Tensor ids = tensor(new long[] { 5, 6, 1 }, [1, 3]), mask = tensor(new long[] { 1, 1, 0 }, [1, 3]);
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = round == 1 ? LiveTensors.Settled() : before;
            using BertEncoder encoder = Load(weights, _roberta);
            using Tensor rows = encoder.Run(ids, mask, trace: new BertTrace { Attention = (_, _) => { } }), pooled = encoder.Pool(rows);
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    private static BertEncoder Load(IWeightSource source, BertConfig config)
        => new(config, BertWeights.Load(source, "", config, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), pooler: true));

    private static TensorWeights Random(BertConfig config)
    {
        using Generator generator = new(1, CPU);
        Dictionary<string, Tensor> tensors = [];
        void Add(string name, params long[] shape) => tensors[name] = randn(shape, generator: generator);
        void AddLinear(string name, int outputs, int inputs)
        {
            Add(name + ".weight", outputs, inputs);
            Add(name + ".bias", outputs);
        }

        void AddNorm(string name)
        {
            Add(name + ".weight", config.HiddenSize);
            Add(name + ".bias", config.HiddenSize);
        }

        int d = config.HiddenSize;
        Add("embeddings.word_embeddings.weight", config.Vocabulary, d);
        Add("embeddings.position_embeddings.weight", config.Positions, d);
        Add("embeddings.token_type_embeddings.weight", config.TokenTypes, d);
        AddNorm("embeddings.LayerNorm");
        for (int layer = 0; layer < config.Layers; layer++)
        {
            string name = $"encoder.layer.{layer}.";
            foreach (string part in new[] { "self.query", "self.key", "self.value", "output.dense" })
            {
                AddLinear($"{name}attention.{part}", d, d);
            }

            AddNorm(name + "attention.output.LayerNorm");
            AddLinear(name + "intermediate.dense", config.IntermediateSize, d);
            AddLinear(name + "output.dense", d, config.IntermediateSize);
            AddNorm(name + "output.LayerNorm");
        }

        AddLinear("pooler.dense", d, d);
        return new TensorWeights(tensors);
    }
}
