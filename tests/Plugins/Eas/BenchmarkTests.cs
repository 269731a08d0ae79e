using System.Globalization;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;
using TorchSharp;

namespace Aperture.Plugins.Eas.Tests;

/// <summary>The settings and the random adapters that the method is timed with.</summary>
public sealed class BenchmarkTests
{
    [Theory]
    [InlineData(4, new[] { 2 })]
    [InlineData(22, new[] { 6, 8, 10, 12, 14, 16, 18, 20 })]
    [InlineData(32, new[] { 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30 })]
    public void Three_eighths_of_the_layers_are_left_without_attention_and_one_behind_each_attends(int layers, int[] skipped)
    {
        JsonElement options = new EasFactory().Benchmark(Decoder(layers))!.Options;

        Assert.Equal(skipped, options.GetProperty("SkipLayers").EnumerateArray().Select(layer => layer.GetInt32()));
    }

    [Theory]
    [InlineData(2, 32)]
    [InlineData(4, 33)]
    public void A_decoder_without_a_layer_to_skip_or_of_an_odd_width_is_not_timed(int layers, int width)
        => Assert.Null(new EasFactory().Benchmark(Decoder(layers, width)));

    [Fact]
    public void The_drawn_adapters_are_those_that_the_settings_need_and_leave_nothing_behind()
    {
        EasFactory factory = new();
        DecoderInfo decoder = Decoder(8);
        MethodBenchmark benchmark = factory.Benchmark(decoder)!;
        long before = LiveTensors.Settled();
        using (IWeightSource weights = benchmark.DrawWeights!())
        using (EasRouter router = (EasRouter)factory.Create(benchmark.Options, decoder, new FactoryFiles(checkpoint: weights)))
        {
            Assert.Equal([2, 4, 6], router.Skipped.Order());
            Assert.Equal([256, 32, 1], weights.Describe("model.layers.2.replaced_adapter.conv_C.weight").Shape);
            Assert.Equal([128, 32, 1], weights.Describe("model.layers.3.adapter_attn.conv_A.weight").Shape);
            Assert.All(
                weights.Names,
                name => Assert.Equal(name.Contains(".replaced_adapter.", StringComparison.Ordinal), router.Skipped.Contains(Layer(name))));
        }

        Assert.Equal(before, torch.Tensor.TotalCount);
    }

    private static int Layer(string name) => int.Parse(name.Split('.')[2], CultureInfo.InvariantCulture);

    private static DecoderInfo Decoder(int layers, int width = 32) => new()
    {
        Model = "drawn",
        Layers = layers,
        HiddenSize = width,
        IntermediateSize = 48,
        Heads = 4,
        KeyValueHeads = 2,
        HeadSize = 8,
        VocabularySize = 64,
    };
}
