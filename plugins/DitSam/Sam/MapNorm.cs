using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>A layer norm over the channels of a map (<c>LayerNorm2d</c>). Borrows its tensors.</summary>
/// <param name="weights">Gain and bias <c>[C]</c>.</param>
internal sealed class MapNorm(LayerNormWeights weights)
{
    private const double Epsilon = 1e-6;

    /// <summary>Loads the norm.</summary>
    public static MapNorm Load(WeightLoader loader, string name, int channels) => new(loader.Norm(name, channels));

    /// <summary>Normalises every place over its channels.</summary>
    /// <param name="map"><c>[B, C, h, w]</c>; borrowed.</param>
    /// <returns><c>[B, C, h, w]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor map)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor last = weights.Run(map.permute(0, 2, 3, 1), Epsilon); // [B, C, h, w] -> [B, h, w, C]
        return last.permute(0, 3, 1, 2).MoveToOuterDisposeScope(); // -> [B, C, h, w]
    }
}
