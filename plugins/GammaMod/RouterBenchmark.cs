using System.Text.Json;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod;

/// <summary>The method on a decoder of random weights: in the published models' layers half of a prompt's tokens, by a random router.</summary>
internal static class RouterBenchmark
{
    private const double Spread = 0.02;

    /// <summary>The settings; null for a decoder so small that the published mode leaves no layer to skip.</summary>
    public static MethodBenchmark? Of(DecoderInfo decoder)
        => !LayerModes.Leaves(LayerModes.Published, decoder.Layers) ? null
            : new($"{GammaModFactory.MethodName}, half the tokens", JsonElement.Parse($$"""{ "Layers": "{{LayerModes.Published}}", "TopKRatio": 0.5 }"""))
            {
                DrawWeights = () => Draw(decoder),
            };

    // One matrix for all layers, as published files have it.
    private static TensorWeights Draw(DecoderInfo decoder)
    {
        using Generator generator = new(1, CPU);
        using Tensor unit = randn([2, decoder.HiddenSize], dtype: ScalarType.Float32, generator: generator);
        using Tensor router = unit.mul(Spread);
        return new TensorWeights(Enumerable.Range(0, decoder.Layers).ToDictionary(RouterWeights.KeyOf, _ => router.alias().DetachFromDisposeScope()));
    }
}
