using System.Text.Json;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas;

/// <summary>
/// The method on a decoder of random weights: three eighths of the layers without attention, and adapters of the published widths as a training begins with
/// them.
/// </summary>
internal static class AdapterBenchmark
{
    private static readonly AdapterShape _shape = new();

    /// <summary>The settings; null for a decoder that no attention can be left out of, or whose width the published adapters' blocks do not divide.</summary>
    public static MethodBenchmark? Of(DecoderInfo decoder)
    {
        int[] skipped = Skipped(decoder.Layers);
        return skipped.Length == 0 || decoder.HiddenSize % _shape.Groups != 0 ? null
            : new($"{EasFactory.MethodName}, 3/8 of the attention", JsonElement.Parse($$"""{ "SkipLayers": [{{string.Join(", ", skipped)}}] }"""))
            {
                DrawWeights = () => Draw(decoder, skipped),
            };
    }

    // Every other layer, counted back from the last but one: behind each of them a layer attends, where a step that falls on it is taken.
    private static int[] Skipped(int layers) => [.. Enumerable.Range(1, 3 * layers / 8).Select(i => layers - (2 * i)).Reverse()];

    // The tensors become the source's: the adapters themselves are not disposed.
    private static TensorWeights Draw(DecoderInfo decoder, int[] skipped)
    {
        using Generator generator = new(1, CPU);
        EasAdapters adapters = EasAdapters.Fresh(decoder, _shape, skipped.ToHashSet(), generator);
        return new TensorWeights(adapters.Named().ToDictionary(named => named.Name, named => named.Tensor));
    }
}
