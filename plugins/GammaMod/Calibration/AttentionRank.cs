using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Calibration;

/// <summary>
/// ARank: how many independent directions a layer's attention has. A layer whose maps have low rank sends much the same mixture to all rows, and is the better
/// one to skip.
/// </summary>
internal static class AttentionRank
{
    private const double SinglePrecision = 1.1920928955078125e-7;

    /// <summary>Numerical ranks of the attention maps of one layer, below their diagonals: rows attending to themselves tell nothing.</summary>
    /// <param name="maps"><c>[heads, rows, rows]</c>, causal; borrowed.</param>
    /// <returns>One a head: singular values above rows · 2⁻²³ · the largest.</returns>
    public static int[] OfHeads(Tensor maps)
    {
        int[] ranks = new int[maps.size(0)];
        for (int head = 0; head < ranks.Length; head++)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor map = maps[head].to_type(ScalarType.Float32).tril(-1);
            float[] values = linalg.svdvals(map).cpu().data<float>().ToArray();
            float smallest = (float)(values.Length * SinglePrecision) * values.Max();
            ranks[head] = values.Count(value => value > smallest);
        }

        return ranks;
    }

    /// <summary>The mean over heads.</summary>
    public static double OfLayer(Tensor maps) => OfHeads(maps).Average();
}
