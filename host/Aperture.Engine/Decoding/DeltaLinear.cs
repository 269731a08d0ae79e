using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>A linear layer with a sequence's own low-rank change: <c>y = W(s·x) + U(Vx) + b</c>.</summary>
internal static class DeltaLinear
{
    public static Tensor Run(Ops ops, Tensor x, Matrix weights, int rows, WeightDelta? delta)
    {
        if (delta is null)
        {
            return ops.Linear(x, weights, rows);
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor y;
        if (delta.Full is { } full)
        {
            y = x.matmul(full.transpose(0, 1));
            y = weights.Bias is { } bias ? y.add(bias) : y;
        }
        else
        {
            Tensor scaled = delta.InputScale is { } scale ? x.mul(scale) : x;
            y = ops.Linear(scaled, weights, rows);
            if (delta.Down is { } down && delta.Up is { } up)
            {
                y = y.add(x.matmul(down.transpose(0, 1)).matmul(up.transpose(0, 1)));
            }
        }

        return (delta.Bias is { } extra ? y.add(extra) : y).MoveToOuterDisposeScope();
    }

    /// <summary>Each sample's rows with that sample's change.</summary>
    public static Tensor RunEach(Ops ops, Tensor x, Matrix weights, int[] offsets, IReadOnlyList<WeightDelta?> deltas)
    {
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> parts = [];
        for (int sample = 0; sample < deltas.Count; sample++)
        {
            int rows = offsets[sample + 1] - offsets[sample];
            if (rows > 0)
            {
                parts.Add(Run(ops, x.narrow(0, offsets[sample], rows), weights, rows, deltas[sample]));
            }
        }

        return cat(parts, 0).MoveToOuterDisposeScope();
    }
}
