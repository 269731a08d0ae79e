using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>Points as sines and cosines of rising frequency.</summary>
internal static class PositionEncoding
{
    /// <summary>Encodes: for each octave the sines of all coordinates, then their cosines.</summary>
    /// <param name="points"><c>[…, D]</c>; borrowed.</param>
    /// <param name="octaves">Octaves.</param>
    /// <returns><c>[…, 2 D octaves]</c>; the caller disposes it.</returns>
    public static Tensor Run(Tensor points, int octaves)
    {
        using DisposeScope scope = NewDisposeScope();
        float[] frequencies = [.. Enumerable.Range(0, octaves).Select(octave => (float)(Math.Pow(2, octave) * Math.PI))];
        Tensor angles = points.unsqueeze(-2).mul(tensor(frequencies, device: points.device).unsqueeze(-1)); // [..., D] -> [..., octaves, D]
        return cat([angles.sin(), angles.cos()], -1).flatten(-2).MoveToOuterDisposeScope(); // -> [..., octaves, 2 D] -> [..., 2 D octaves]
    }
}
