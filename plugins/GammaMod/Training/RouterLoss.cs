using Aperture.Measuring;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.GammaMod.Training;

/// <summary>The router's own loss.</summary>
internal static class RouterLoss
{
    /// <summary>
    /// Cross-entropy of one layer's router against what the capacity chose: 1 for rows that run, 0 for the others; the mean over all rows of the batch, padding
    /// included.
    /// </summary>
    /// <param name="logits"><c>[rows, 2]</c>.</param>
    /// <param name="offsets">First packed row of each sample.</param>
    /// <param name="chosen">Per sample the rows that run.</param>
    /// <returns>A float32 scalar; the caller disposes it.</returns>
    public static Tensor Of(Tensor logits, ReadOnlySpan<int> offsets, int[][] chosen)
    {
        using DisposeScope scope = NewDisposeScope();
        long[] target = new long[offsets[^1]];
        for (int sample = 0; sample < chosen.Length; sample++)
        {
            foreach (int row in chosen[sample])
            {
                target[offsets[sample] + row] = 1;
            }
        }

        return F.cross_entropy(logits.to_type(ScalarType.Float32), tensor(target, device: logits.device)).MoveToOuterDisposeScope();
    }

    /// <summary>The loss of a step: next-token loss plus the weighted sum of the layers' router losses.</summary>
    /// <param name="nextToken">Scalar; borrowed.</param>
    /// <param name="layers">Scalars, one a MoD layer; borrowed.</param>
    /// <param name="coefficient">Weight of the sum.</param>
    /// <returns>A scalar; the caller disposes it.</returns>
    public static Tensor Total(Tensor nextToken, IEnumerable<Tensor> layers, double coefficient)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor sum = layers.Aggregate(zeros_like(nextToken), (total, loss) => total.add(loss));
        return nextToken.add(sum.mul(coefficient)).MoveToOuterDisposeScope();
    }
}
