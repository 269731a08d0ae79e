using Aperture.Decoding;
using Aperture.Measuring;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Adapters;

/// <summary>
/// An adapter as the affine map that it is for one sequence, <c>x + U(V x) + b</c>, so that it can be merged into the linear layers behind it. Owns its
/// tensors.
/// </summary>
/// <param name="Up">U, <c>[d, r]</c>.</param>
/// <param name="Down">V, <c>[r, d]</c>.</param>
/// <param name="Bias">b, <c>[d]</c>.</param>
internal sealed record AffineAdapter(Tensor Up, Tensor Down, Tensor Bias) : IDisposable
{
    /// <summary>
    /// With <c>E = s (w0 B + w1 D)</c> and <c>e = s (w0 b_B + w1 b_D)</c>: U = factor E, V the matrix of the way down, <c>b = factor E (b_V + offset) + e</c>.
    /// </summary>
    /// <param name="up">B.</param>
    /// <param name="secondUp">D; null without.</param>
    /// <param name="weights">w, <c>[2]</c>; null for B alone.</param>
    /// <param name="scale">s.</param>
    /// <param name="down">A of an ordinary adapter, C of PIA.</param>
    /// <param name="factor">1 for an ordinary adapter, 1/2 for PIA.</param>
    /// <param name="offset">The pool p of PIA, <c>[r]</c>.</param>
    public static AffineAdapter Of(
        PointwiseConvolution up, PointwiseConvolution? secondUp, Tensor? weights, double scale, PointwiseConvolution down, double factor, Tensor? offset)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor matrix, bias;
        if (weights is null || secondUp is null)
        {
            (matrix, bias) = (up.Dense().mul(scale), up.Bias.mul(scale));
        }
        else
        {
            Tensor each = weights.mul(scale).to_type(up.Weight.dtype);
            matrix = up.Dense().mul(each[0]).add(secondUp.Dense().mul(each[1]));
            bias = up.Bias.mul(each[0]).add(secondUp.Bias.mul(each[1]));
        }

        Tensor scaled = matrix.mul(factor);
        Tensor entering = offset is null ? down.Bias : down.Bias.add(offset.to_type(down.Bias.dtype));
        Tensor constant = scaled.matmul(entering).add(bias);
        return new AffineAdapter(scaled.MoveToOuterDisposeScope(), down.Dense().MoveToOuterDisposeScope(), constant.MoveToOuterDisposeScope());
    }

    /// <summary>M = I + U V, <c>[d, d]</c>; the caller disposes it.</summary>
    public Tensor Matrix()
    {
        using DisposeScope scope = NewDisposeScope();
        return Up.matmul(Down).add(eye(Up.size(0), dtype: Up.dtype, device: Up.device)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// The change of a linear layer W that makes it W of the adapter's result, times a gain: <c>W G (M x + b)</c>.
    /// </summary>
    /// <param name="linear">W, <c>[out, d]</c>, in any type; borrowed.</param>
    /// <param name="gain">The diagonal of G, <c>[d]</c>; null for none. Borrowed, and it must outlive the result.</param>
    /// <param name="dense">A whole matrix instead of a low-rank change.</param>
    /// <param name="officialBias">The published code's bias, which multiplies by the merged matrix a second time: <c>W G M G b</c>.</param>
    /// <param name="type">The type that rows are computed in.</param>
    /// <returns>Tensors in that type, owned by the caller (see <see cref="DisposeDelta"/>).</returns>
    public WeightDelta MergeInto(Tensor linear, Tensor? gain, bool dense, bool officialBias, ScalarType type = ScalarType.Float32)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor? wide = gain?.to_type(Up.dtype);
        Tensor Gained(Tensor columns) => wide is null ? columns : columns.mul(columns.dim() == 1 ? wide : wide.unsqueeze(1));
        Tensor weight = linear.to_type(Up.dtype);
        Tensor low = weight.matmul(Gained(Up)); // W G U, [out, r]
        Tensor gained = Gained(Bias);
        Tensor bias = weight.matmul(officialBias ? Gained(gained) : gained);
        if (officialBias)
        {
            bias = bias.add(low.matmul(Down.matmul(gained)));
        }

        if (dense)
        {
            Tensor plain = wide is null ? weight : weight.mul(wide);
            return new WeightDelta { Full = Kept(plain.add(low.matmul(Down)), type), Bias = Kept(bias, type) };
        }

        return new WeightDelta { InputScale = gain, Down = Kept(Down, type), Up = Kept(low, type), Bias = Kept(bias, type) };
    }

    public void Dispose()
    {
        Up.Dispose();
        Down.Dispose();
        Bias.Dispose();
    }

    /// <summary>Disposes what <see cref="MergeInto"/> made; the gain is not among it.</summary>
    public static void DisposeDelta(WeightDelta? delta)
    {
        delta?.Down?.Dispose();
        delta?.Up?.Dispose();
        delta?.Full?.Dispose();
        delta?.Bias?.Dispose();
    }

    private static Tensor Kept(Tensor tensor, ScalarType type) => tensor.to(type, copy: true).DetachFromDisposeScope();
}
