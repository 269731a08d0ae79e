using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using static Aperture.Abstractions.Tests.Decoding.MatrixValues;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Decoding;

/// <summary>Weights of models that are no decoders, in few bits.</summary>
[Collection("tensors")]
public sealed class WeightLoaderTests
{
    private static readonly BertConfig _bert = new()
    {
        Vocabulary = 30,
        HiddenSize = 32,
        IntermediateSize = 48,
        Layers = 2,
        Heads = 2,
        Positions = 16,
        TokenTypes = 1,
    };

    private static readonly UNetConfig _unet = new()
    {
        SampleSize = 8,
        Channels = [16, 32],
        DownAttention = [true, false],
        UpAttention = [false, true],
        Heads = [4, 4],
        BlocksPerLevel = 1,
        Groups = 8,
        TextWidth = 16,
    };

    private static readonly Lazy<long> _weights = new(() =>
    {
        using UNet unet = UNet.Fresh(_unet, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), seed: 1);
        return unet.Tensors.Values.Sum(tensor => tensor.numel());
    });

    [Fact]
    public void Matrices_are_kept_in_the_policys_format_but_for_heads_and_what_is_trained()
    {
        using Ops ops = Eight(1);
        using TensorWeights weights = new(new Dictionary<string, Tensor>
        {
            ["wide.weight"] = Noise(1, 16, 40),
            ["wide.bias"] = Noise(2, 16),
            ["head.weight"] = Noise(3, 15, 40),
            ["head.bias"] = Noise(4, 15),
        });
        using WeightLoader loader = new(weights, WeightPolicy.Of(ops)), trained = new(weights, WeightPolicy.Of(ops), _ => true);

        Assert.IsType<Int8Matrix>(loader.Linear("wide", 16, 40));
        Assert.Same(loader.Linear("wide", 16, 40), loader.Linear("wide", 16, 40));
        Assert.IsType<DenseMatrix>(loader.Linear("head", 15, 40));
        Assert.IsType<DenseMatrix>(trained.Linear("wide", 16, 40));
        Assert.Equal(["head.bias", "head.weight"], loader.Tensors.Keys.Order());
        Assert.Equal((16L * 41) + (15 * 41), loader.Count);
        Assert.Throws<ApertureException>(() => loader.Linear("missing", 16, 40));
        using WeightLoader other = new(weights, WeightPolicy.Of(ops));
        Assert.Throws<ApertureException>(() => other.Linear("wide", 16, 41));
    }

    [Fact]
    public void A_matrix_outlives_the_scope_that_it_was_loaded_in()
    {
        using Ops ops = Eight(1);
        using TensorWeights weights = new(new Dictionary<string, Tensor> { ["a.weight"] = Noise(1, 16, 40), ["a.bias"] = Noise(2, 16) });
        using WeightLoader loader = new(weights, WeightPolicy.Of(ops));
        Matrix matrix;
        using (NewDisposeScope())
        {
            matrix = loader.Linear("a", 16, 40);
        }

        using Tensor x = Noise(3, 4, 40), y = matrix.Apply(x);
        Assert.Equal([4L, 16], y.shape);
    }

    [Fact]
    public void A_device_without_the_format_is_refused_and_stored_weights_need_no_operations()
    {
        List<IDisposable> owned = [];
        Device gpu = new(DeviceType.CUDA, 0);

        Assert.Equal(
            "bert: Weights in int8 work on the CPU, but the device is cuda:0; leave Weights out or use the CPU.",
            Assert.Throws<ApertureException>(() => WeightPolicy.InFormat("bert", WeightFormat.Int8, gpu, ScalarType.Float32, owned)).Message);
        Assert.Equal(WeightFormat.Stored, WeightPolicy.InFormat("bert", WeightFormat.Stored, gpu, ScalarType.Float32, owned).Format);
        Assert.Empty(owned);
        Assert.Equal(WeightFormat.Int8, WeightPolicy.InFormat("bert", WeightFormat.Int8, CPU, ScalarType.BFloat16, owned).Format);
        Assert.Single(owned).Dispose();
    }

    [Fact]
    public void A_text_encoder_in_eight_bits_gives_the_same_for_any_threads_and_nearly_what_it_gives_as_stored()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = inference_mode();
        using Ops one = Eight(1), two = Eight(2), four = new(CPU, ScalarType.Float32, 1) { Weights = WeightFormat.Int4 };
        using TensorWeights weights = Bert();
        Tensor ids = tensor(new long[] { 5, 6, 7, 8, 9, 10 }, [2, 3]);
        Tensor Rows(WeightPolicy policy)
        {
            using BertEncoder encoder = new(_bert, BertWeights.Load(weights, "", _bert, policy, pooler: true));
            return cat([encoder.Run(ids), encoder.Pool(encoder.Run(ids)).unsqueeze(1)], 1); // [2, 3, d] and [2, 1, d] -> [2, 4, d]
        }

        Tensor stored = Rows(new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32)), eight = Rows(WeightPolicy.Of(one));

        Assert.InRange(Error(stored, eight), 1e-4, 0.03);
        Assert.Equal(Values(eight), Values(Rows(WeightPolicy.Of(two))));
        Assert.InRange(Error(stored, Rows(WeightPolicy.Of(four))), Error(stored, eight), 0.3);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void A_UNet_in_eight_bits_gives_the_same_for_any_threads_and_leaves_no_tensor(ScalarType type)
    {
        using IDisposable quiet = inference_mode();
        using Ops one = Eight(1, type), two = Eight(2, type);
        using Tensor latents = Noise(1, 2, 4, 8, 8), text = Noise(2, 2, 5, 16);
        float[] stored = [], eight = [];
        LiveTensors.MustNotGrow(() =>
        {
            stored = Run(new WeightPolicy(CPU, type, type));
            eight = Run(WeightPolicy.Of(one));
            Assert.Equal(eight, Run(WeightPolicy.Of(two)));
        });
        double off = Math.Sqrt(stored.Zip(eight, (a, b) => (double)(a - b) * (a - b)).Sum() / stored.Sum(value => (double)value * value));
        Assert.InRange(off, 1e-5, 0.03);

        float[] Run(WeightPolicy policy)
        {
            using UNet unet = UNet.Fresh(_unet, policy, seed: 1);
            Assert.Equal(policy.Ops is null, unet.Tensors.ContainsKey("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"));
            Assert.True(unet.Tensors.ContainsKey("down_blocks.0.resnets.0.time_emb_proj.weight"), "what the time shifts stays as stored");
            Assert.Equal(_weights.Value, unet.Weights);
            using Tensor noise = unet.Run(latents, 500, text);
            return noise.data<float>().ToArray();
        }
    }

    [Fact]
    public void A_convolution_of_one_pixel_is_a_matrix_too()
    {
        using IDisposable quiet = inference_mode();
        using Ops ops = Eight(1);
        using UNet fresh = UNet.Fresh(_unet, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), seed: 1);
        Dictionary<string, Tensor> flat = fresh.Tensors.ToDictionary(pair => pair.Key, pair => pair.Value.clone());
        Dictionary<string, Tensor> pixels = flat.ToDictionary(
            pair => pair.Key, pair => pair.Key.Contains("conv_shortcut.weight") || pair.Key.EndsWith("proj_in.weight")
                ? pair.Value.dim() == 2 ? pair.Value.unsqueeze(-1).unsqueeze(-1).clone() : pair.Value.clone() : pair.Value.clone());
        using TensorWeights rows = new(flat), maps = new(pixels);
        using UNet first = UNet.Load(rows, _unet, WeightPolicy.Of(ops)), second = UNet.Load(maps, _unet, WeightPolicy.Of(ops));
        using Tensor latents = Noise(1, 2, 4, 8, 8), text = Noise(2, 2, 5, 16), a = first.Run(latents, 500, text), b = second.Run(latents, 500, text);

        Assert.Contains(maps.Names, name => maps.Describe(name).Shape is [_, _, 1, 1]);
        Assert.Equal(Values(a), Values(b));
    }

    private static Ops Eight(int threads, ScalarType type = ScalarType.Float32) => new(CPU, type, threads) { Weights = WeightFormat.Int8 };

    private static TensorWeights Bert()
    {
        int d = _bert.HiddenSize, m = _bert.IntermediateSize;
        Dictionary<string, long[]> shapes = new()
        {
            ["embeddings.word_embeddings.weight"] = [_bert.Vocabulary, d],
            ["embeddings.position_embeddings.weight"] = [_bert.Positions, d],
            ["embeddings.token_type_embeddings.weight"] = [1, d],
            ["pooler.dense.weight"] = [d, d],
        };
        for (int layer = 0; layer < _bert.Layers; layer++)
        {
            string name = $"encoder.layer.{layer}.";
            foreach (string part in (string[])["attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"])
            {
                shapes[$"{name}{part}.weight"] = [d, d];
            }

            shapes[name + "intermediate.dense.weight"] = [m, d];
            shapes[name + "output.dense.weight"] = [d, m];
        }

        Dictionary<string, Tensor> tensors = [];
        ulong seed = 10;
        foreach ((string name, long[] shape) in shapes)
        {
            using Tensor noise = Noise(seed++, shape);
            tensors[name] = noise.mul(0.3);
            if (!name.StartsWith("embeddings", StringComparison.Ordinal))
            {
                tensors[name.Replace(".weight", ".bias", StringComparison.Ordinal)] = Noise(seed++, shape[0]);
            }
        }

        string[] norms = ["embeddings.LayerNorm", .. Enumerable.Range(0, _bert.Layers).SelectMany(layer => new[] { "attention.output", "output" }.Select(
            part => $"encoder.layer.{layer}.{part}.LayerNorm"))];
        foreach (string norm in norms)
        {
            (tensors[norm + ".weight"], tensors[norm + ".bias"]) = (ones(d), zeros(d));
        }

        return new TensorWeights(tensors);
    }
}
