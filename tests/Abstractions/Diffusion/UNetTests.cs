using System.Text.Json;
using Aperture.Decoding;
using Aperture.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Diffusion;

[Collection("tensors")]
public sealed class UNetTests
{
    private static readonly UNetConfig _small = new()
    {
        SampleSize = 8,
        Channels = [16, 32],
        DownAttention = [true, false],
        UpAttention = [false, true],
        Heads = [4, 4],
        BlocksPerLevel = 1,
        Groups = 8,
        TextWidth = 12,
    };

    private static readonly WeightPolicy _policy = new(CPU, ScalarType.Float32, ScalarType.Float32);

    [Fact]
    public void Stable_Diffusion_1_costs_what_is_published()
    {
        UNetCost cost = UNetCost.Of(new UNetConfig(), 64, 64, 77);
        Assert.Equal((222.0, 116.6, 63.0, 401.6), (Giga(cost.Convolutions), Giga(cost.Products), Giga(cost.Attention), Giga(cost.Macs)));
        Assert.Equal(2 * cost.Macs, cost.Flops);

        static double Giga(long macs) => Math.Round(macs / 1e9, 1);
    }

    [Fact]
    public void Attention_is_shown_where_it_is_wanted_and_changes_nothing()
    {
        using IDisposable quiet = inference_mode();
        using UNet unet = UNet.Fresh(_small, _policy, seed: 1);
        using Tensor latents = randn(4, 4, 8, 8), text = randn(4, 5, 12);
        List<AttentionSite> asked = [], shown = [];
        AttentionCapture capture = new(
            site =>
            {
                asked.Add(site);
                return site.IsCross && site.Height == 8;
            },
            (site, probabilities) =>
            {
                shown.Add(site);
                Assert.Equal([2 * 4, 64L, 5], probabilities.shape); // the second half of the batch, four heads
                using Tensor sums = probabilities.sum(-1);
                Assert.True(sums.allclose(ones_like(sums)));
            },
            firstSample: 2);

        LiveTensors.MustNotGrow(() =>
        {
            using Tensor seen = unet.Run(latents, 500, text, capture), plain = unet.Run(latents, 500, text);
            Assert.True(seen.Equals(plain));
        });

        Assert.Equal(Enumerable.Range(0, unet.Attentions), asked.Select(site => site.Index));
        Assert.Equal([UNetPlace.Down, UNetPlace.Up, UNetPlace.Up], shown.Select(site => site.Place));
    }

    [Theory]
    [InlineData(8, 8)]
    [InlineData(7, 10)] // odd sides: maps on the way up take the size of those on the way down
    public void Latents_of_any_size_pass(int height, int width)
    {
        using IDisposable quiet = inference_mode();
        using UNet unet = UNet.Fresh(_small, _policy, seed: 1);
        using Tensor latents = randn(1, 4, height, width), text = randn(1, 3, 12), predicted = unet.Run(latents, 20.4, text);
        Assert.Equal([1, 4, height, width], predicted.shape);
        Assert.True(UNetCost.Of(_small, height, width, 3).Macs > 0);
    }

    [Fact]
    public void Half_precision_is_close()
    {
        using IDisposable quiet = inference_mode();
        using UNet exact = UNet.Fresh(_small, _policy, seed: 1);
        using UNet half = UNet.Fresh(_small, new WeightPolicy(CPU, ScalarType.BFloat16, ScalarType.BFloat16), seed: 1);
        using TorchRandom random = new(2);
        using Tensor latents = random.Normal(1, 4, 8, 8), text = random.Normal(1, 3, 12);
        using Tensor a = exact.Run(latents, 300, text), b = half.Run(latents, 300, text), gap = a.sub(b).abs();
        Assert.True(gap.max().item<float>() < 0.05 * a.abs().max().item<float>());
    }

    [Fact]
    public void Samples_may_have_times_of_their_own()
    {
        using IDisposable quiet = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using UNet unet = UNet.Fresh(_small, _policy, seed: 1);
        Tensor latents = randn(2, 4, 8, 8), text = randn(2, 3, 12);

        Tensor both = unet.Run(latents, [700, 20.4], text);

        Assert.True(both[0].allclose(unet.Run(latents[..1], 700, text[..1])[0], atol: 1e-5));
        Assert.True(both[1].allclose(unet.Run(latents[1..], 20.4, text[1..])[0], atol: 1e-5));
        Assert.False(both[1].allclose(unet.Run(latents[1..], 700, text[1..])[0], atol: 1e-5));
        Assert.Contains("one for each of 2 latents, not 3", Assert.Throws<ApertureException>(() => unet.Run(latents, [1, 2, 3], text)).Message);
    }

    [Fact]
    public void Gradients_reach_every_weight()
    {
        using DisposeScope scope = NewDisposeScope();
        using UNet unet = UNet.Fresh(_small, _policy, seed: 1);
        foreach (Tensor weight in unet.Tensors.Values)
        {
            weight.requires_grad_(true);
        }

        unet.Run(randn(2, 4, 8, 8), 700, randn(2, 3, 12)).pow(2).sum().backward();

        Assert.All(unet.Tensors, pair => Assert.True(pair.Value.grad is { } gradient && gradient.abs().max().item<float>() > 0, pair.Key));
    }

    [Theory]
    [InlineData("{\"act_fn\": \"gelu\"}", "act_fn 'gelu' is not supported")]
    [InlineData("{\"down_block_types\": [\"Other\"]}", "down_block_types is")]
    [InlineData("{\"block_out_channels\": [30, 60, 60, 60]}", "30 channels are not a multiple of 32 groups")]
    [InlineData("{\"block_out_channels\": [32, 64]}", "2 block_out_channels, but 4 down_block_types")]
    [InlineData("{\"class_embed_type\": \"timestep\"}", "class_embed_type is not supported")]
    public void A_configuration_of_another_design_is_one_line(string json, string expected)
    {
        string line = Assert.Throws<ApertureException>(() => UNetConfig.Parse(JsonElement.Parse(json), "config.json")).Message;
        Assert.StartsWith("config.json: ", line);
        Assert.Contains(expected, line, StringComparison.Ordinal);
    }
}
