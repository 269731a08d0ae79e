using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Cameras;

/// <summary>Places of rays in the picture: x to the right, y up, from -1 to 1.</summary>
internal static class PixelGrid
{
    /// <summary>The places of a map's pixels, where the map is a part of the picture's grid.</summary>
    /// <param name="picture">Side of the full picture.</param>
    /// <param name="target">Side of the picture that is made.</param>
    /// <param name="side">Side of the map.</param>
    /// <param name="aligned">Whether the full picture's outermost places are its corners; else each map has a grid of its own, of its pixels' centres.</param>
    /// <param name="device">Where.</param>
    /// <returns><c>[side side, 2]</c>, row by row; the caller disposes it.</returns>
    public static Tensor Make(int picture, int target, int side, bool aligned, Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor line = aligned
            ? linspace(-1, 1, picture).index_select(0, tensor(Picked(picture, target, side)))
            : linspace(-(1 - (1.0 / side)), 1 - (1.0 / side), side);
        Tensor x = line.unsqueeze(0).expand(side, side), y = line.unsqueeze(1).expand(side, side).neg();
        return stack([x, y], -1).reshape(-1, 2).to(device).MoveToOuterDisposeScope(); // [side, side, 2] -> [side side, 2]
    }

    /// <summary>The same places turned around the picture's centre.</summary>
    /// <param name="pixels"><c>[N, 2]</c>; borrowed.</param>
    /// <param name="angles">Radians, <c>[B]</c>; borrowed.</param>
    /// <returns><c>[B, N, 2]</c>; the caller disposes it.</returns>
    public static Tensor Turned(Tensor pixels, Tensor angles)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor angle = angles.unsqueeze(-1), x = pixels.select(1, 0), y = pixels.select(1, 1); // [B, 1], [N], [N]
        Tensor cosine = angle.cos(), sine = angle.sin();
        return stack([x.mul(cosine).sub(y.mul(sine)), x.mul(sine).add(y.mul(cosine))], -1).MoveToOuterDisposeScope(); // -> [B, N, 2]
    }

    // Nearest places, from the full grid to the target's and on to the map's.
    private static long[] Picked(int picture, int target, int side)
        => [.. Enumerable.Range(0, side).Select(index => (long)index * target / side * picture / target)];
}
