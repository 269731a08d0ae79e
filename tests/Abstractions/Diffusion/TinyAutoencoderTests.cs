using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Abstractions.Tests.Diffusion;

/// <summary>A small autoencoder of two sizes in the published names.</summary>
[Collection("tensors")]
public sealed class TinyAutoencoderTests
{
    private static readonly WeightPolicy _policy = new(CPU, ScalarType.Float32, ScalarType.Float32);

    [Fact]
    public void Halves_are_read_off_their_names_and_fit()
    {
        using IDisposable quiet = inference_mode();
        using TensorWeights encoder = Encoder(), decoder = Decoder();
        using TinyAutoencoder small = TinyAutoencoder.Load(encoder, decoder, _policy);
        using Tensor picture = rand(2, 3, 12, 8);

        Assert.Equal((5, 2), (small.LatentChannels, small.Stride));
        LiveTensors.MustNotGrow(() =>
        {
            using Tensor latents = small.Encode(picture), back = small.Decode(latents), least = back.min();
            Assert.Equal([2, 5, 6, 4], latents.shape);
            Assert.Equal([2, 3, 12, 8], back.shape);
            Assert.InRange(least.item<float>(), 0, 1);
        });
    }

    [Fact]
    public void Every_stage_does_what_is_published()
    {
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using TensorWeights encoder = Encoder(), decoder = Decoder();
        using TinyAutoencoder small = TinyAutoencoder.Load(encoder, decoder, _policy);
        Tensor picture = rand(1, 3, 4, 8);

        Tensor x = Map(encoder, "0", picture, stride: 1);
        x = Block(encoder, "1", x);
        x = Map(encoder, "2", x, stride: 2);
        Tensor normed = F.group_norm(Map(encoder, "3.pool.0", x, 1), 4, encoder.Load("3.pool.1.weight"), encoder.Load("3.pool.1.bias"));
        x = Block(encoder, "3", x.add(Map(encoder, "3.pool.3", normed.relu(), 1)));
        Tensor latents = Map(encoder, "4", x, stride: 1);
        Assert.True(small.Encode(picture).allclose(latents, 1e-4, 1e-5));

        Tensor y = Map(decoder, "1", latents.div(3).tanh().mul(3), 1).relu();
        y = Block(decoder, "3", y).repeat_interleave(2, 2).repeat_interleave(2, 3);
        y = Map(decoder, "6", Map(decoder, "5", y, 1), 1).clamp(0, 1);
        Assert.True(small.Decode(latents).allclose(y, 1e-4, 1e-5));
    }

    [Fact]
    public void What_does_not_belong_together_is_one_line()
    {
        using TensorWeights encoder = Encoder(), decoder = Decoder(), other = new(new Dictionary<string, Tensor> { ["conv_in.weight"] = zeros(1) });
        string Refusal(IWeightSource first, IWeightSource second)
            => Assert.Throws<ApertureException>(() => TinyAutoencoder.Load(first, second, _policy)).Message;

        Assert.Contains("These are no encoder and decoder of one small autoencoder: 5 channels to 3", Refusal(decoder, encoder));
        Assert.Contains("'conv_in.weight' is no tensor of a small autoencoder", Refusal(encoder, other));
        using TinyAutoencoder small = TinyAutoencoder.Load(encoder, decoder, _policy);
        using Tensor odd = zeros(1, 3, 5, 4);
        Assert.Contains("4x5 pixels; sides must be multiples of 2", Assert.Throws<ApertureException>(() => small.Encode(odd)).Message);
    }

    private static Tensor Map(IWeightSource source, string name, Tensor x, int stride)
    {
        Tensor weight = source.Load(name + ".weight");
        Tensor? bias = source.Contains(name + ".bias") ? source.Load(name + ".bias") : null;
        return F.conv2d(x, weight, bias, strides: [stride, stride], padding: [weight.size(2) / 2, weight.size(2) / 2]);
    }

    private static Tensor Block(IWeightSource source, string name, Tensor x)
    {
        Tensor y = new[] { 0, 2, 4 }.Aggregate(x, (value, place) => Map(source, $"{name}.conv.{place}", place == 0 ? value : value.relu(), 1));
        return y.add(x).relu();
    }

    private static TensorWeights Encoder() => Weights(
        ("0", 8, 3, true), ("1", 8, 8, null), ("2", 8, 8, false), ("3", 8, 8, null), ("4", 5, 8, true));

    private static TensorWeights Decoder() => Weights(("1", 8, 5, true), ("3", 8, 8, null), ("5", 8, 8, false), ("6", 3, 8, true));

    // Convolutions with or without bias, and blocks (null), those of the number 3 in the encoder with a pool.
    private static TensorWeights Weights(params (string Name, int Outputs, int Inputs, bool? Bias)[] stages)
    {
        Dictionary<string, Tensor> tensors = [];
        void Add(string name, int outputs, int inputs, bool bias, int kernel = 3)
        {
            tensors[name + ".weight"] = randn(outputs, inputs, kernel, kernel).mul(0.2);
            if (bias)
            {
                tensors[name + ".bias"] = randn(outputs).mul(0.1);
            }
        }

        foreach ((string name, int outputs, int inputs, bool? bias) in stages)
        {
            if (bias is { } has)
            {
                Add(name, outputs, inputs, has);
                continue;
            }

            foreach (int place in new[] { 0, 2, 4 })
            {
                Add($"{name}.conv.{place}", outputs, inputs, true);
            }

            if (name == "3" && stages.Length == 5)
            {
                Add("3.pool.0", 4 * inputs, inputs, false, kernel: 1);
                Add("3.pool.3", inputs, 4 * inputs, false, kernel: 1);
                tensors["3.pool.1.weight"] = randn(4 * inputs);
                tensors["3.pool.1.bias"] = randn(4 * inputs);
            }
        }

        return new TensorWeights(tensors);
    }
}
