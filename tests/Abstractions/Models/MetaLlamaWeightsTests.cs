using Aperture.Abstractions.Tests.Weights;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Models;

/// <summary>LLaMA in Meta's layout, one rank and two.</summary>
[Collection("tensors")]
public sealed class MetaLlamaWeightsTests : IDisposable
{
    private const int Width = 16, Heads = 2, Hidden = 48, Vocabulary = 10;
    private const string Parameters = """{"dim": 16, "multiple_of": 16, "n_heads": 2, "n_layers": 1, "norm_eps": 1e-06, "vocab_size": -1}""";
    private readonly TemporaryFolder _folder = new();

    [Fact]
    public void Sizes_come_from_the_parameters_and_the_table()
    {
        using MetaLlamaWeights weights = Write(1);

        Assert.Equal(
            (Width, Hidden, 1, Heads, Vocabulary, 1e-6),
            (weights.Config.HiddenSize, weights.Config.IntermediateSize, weights.Config.Layers, weights.Config.Heads, weights.Config.VocabularySize,
                weights.Config.NormEpsilon));
        Assert.True(MetaLlamaWeights.IsIn(_folder.Root));
        Assert.DoesNotContain("rope.freqs", weights.Names);
    }

    [Fact]
    public void Ranks_are_joined_to_the_whole_matrices()
    {
        using DisposeScope scope = NewDisposeScope();
        using MetaLlamaWeights one = Write(1);
        Dictionary<string, Tensor> whole = one.Names.ToDictionary(name => name, name => one.Load(name).clone());

        using MetaLlamaWeights two = Write(2);

        Assert.Equal(one.Names.Order(), two.Names.Order());
        Assert.All(whole, entry =>
        {
            Assert.Equal(entry.Value.shape, two.Describe(entry.Key).Shape);
            Assert.True(entry.Value.equal(two.Load(entry.Key)).all().item<bool>(), entry.Key);
        });
    }

    [Fact]
    public void Rotating_halves_of_the_reordered_rows_is_rotating_pairs_of_the_published_ones()
    {
        using DisposeScope scope = NewDisposeScope();
        using MetaLlamaWeights weights = Write(1);
        Tensor published = Matrices()["layers.0.attention.wq.weight"], x = randn(Width);
        const int Half = Width / Heads / 2;
        Tensor angles = arange(Half, dtype: ScalarType.Float32).add(0.3), cos = angles.cos(), sin = angles.sin();

        Tensor pairs = published.matmul(x).view(Heads, Half, 2);
        // [heads, 2, half]
        Tensor expected = stack([pairs.select(2, 0) * cos - (pairs.select(2, 1) * sin), pairs.select(2, 0) * sin + (pairs.select(2, 1) * cos)], 1);
        Tensor halves = weights.Load("model.layers.0.self_attn.q_proj.weight").matmul(x).view(Heads, 2, Half);
        Tensor actual = stack([halves.select(1, 0) * cos - (halves.select(1, 1) * sin), halves.select(1, 0) * sin + (halves.select(1, 1) * cos)], 1);

        Assert.True((expected - actual).abs().max().item<float>() < 1e-6);
    }

    [Fact]
    public void Ranks_of_two_releases_are_refused()
    {
        Write(2).Dispose();
        SafetensorsWriter.Save(Path.Combine(_folder.Root, "consolidated.01.pth"), new Dictionary<string, Tensor> { ["norm.weight"] = ones(Width) });

        ApertureException error = Assert.Throws<ApertureException>(() => MetaLlamaWeights.Open(_folder.Root));

        Assert.Contains("another does not", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_without_parameters_is_refused()
    {
        Write(1).Dispose();
        File.Delete(Path.Combine(_folder.Root, "params.json"));

        Assert.False(MetaLlamaWeights.IsIn(_folder.Root));
        Assert.Throws<ApertureException>(() => MetaLlamaWeights.Open(_folder.Root));
    }

    public void Dispose() => _folder.Dispose();

    // The files hold safetensors: what a weights file is, its content says.
    private MetaLlamaWeights Write(int ranks)
    {
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> all = Matrices();
        for (int rank = 0; rank < ranks; rank++)
        {
            int own = rank;
            SafetensorsWriter.Save(
                Path.Combine(_folder.Root, $"consolidated.0{rank}.pth"),
                all.ToDictionary(
                    entry
                        => entry.Key,
                        entry => Split(entry.Key) is var dimension && dimension < 0 ? entry.Value : entry.Value.chunk(ranks, dimension)[own].contiguous()));
        }

        File.WriteAllText(Path.Combine(_folder.Root, "params.json"), Parameters);
        return MetaLlamaWeights.Open(_folder.Root);
    }

    private static int Split(string name) => name switch
    {
        _ when name.Contains("norm", StringComparison.Ordinal) || name == "rope.freqs" => -1,
        _ when name.Contains("wo", StringComparison.Ordinal)
            || name.Contains("w2", StringComparison.Ordinal)
            || name.StartsWith("tok_", StringComparison.Ordinal)
            => 1,
        _ => 0,
    };

    private static Dictionary<string, Tensor> Matrices()
    {
        using Generator generator = new(3, CPU);
        Tensor Noise(params long[] shape) => randn(shape, generator: generator);
        return new Dictionary<string, Tensor>
        {
            ["tok_embeddings.weight"] = Noise(Vocabulary, Width),
            ["norm.weight"] = Noise(Width),
            ["output.weight"] = Noise(Vocabulary, Width),
            ["rope.freqs"] = Noise(4),
            ["layers.0.attention.wq.weight"] = Noise(Width, Width),
            ["layers.0.attention.wk.weight"] = Noise(Width, Width),
            ["layers.0.attention.wv.weight"] = Noise(Width, Width),
            ["layers.0.attention.wo.weight"] = Noise(Width, Width),
            ["layers.0.feed_forward.w1.weight"] = Noise(Hidden, Width),
            ["layers.0.feed_forward.w2.weight"] = Noise(Width, Hidden),
            ["layers.0.feed_forward.w3.weight"] = Noise(Hidden, Width),
            ["layers.0.attention_norm.weight"] = Noise(Width),
            ["layers.0.ffn_norm.weight"] = Noise(Width),
        };
    }
}
