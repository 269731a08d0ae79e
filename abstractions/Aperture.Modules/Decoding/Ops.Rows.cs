using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Decoding;

/// <content>Row-wise operations: norms, rotary positions, the gate of a feed-forward network.</content>
public sealed partial class Ops
{
    /// <summary>A decoder's norm: a layer norm where it has a bias, else a root-mean-square norm.</summary>
    /// <param name="x">Rows <c>[rows, d]</c>; borrowed.</param>
    /// <param name="norm">The norm.</param>
    /// <param name="eps">Added to the variance or the mean of squares.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="width">d.</param>
    /// <returns>Rows <c>[rows, d]</c>; the caller disposes them.</returns>
    public Tensor Norm(Tensor x, NormWeights norm, double eps, int rows, int width)
        => norm.Bias is null ? RmsNorm(x, norm.Weight, eps, rows, width) : F.layer_norm(x, [width], norm.Weight, norm.Bias, eps);

    /// <summary>Root-mean-square norm; the mean is taken in float32, the result rounded before the gain.</summary>
    /// <param name="x">Rows <c>[rows, d]</c>.</param>
    /// <param name="weight">Gain <c>[d]</c>.</param>
    /// <param name="eps">Added to the mean of squares.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="width">d.</param>
    /// <returns>Rows <c>[rows, d]</c>; the caller disposes them.</returns>
    public unsafe Tensor RmsNorm(Tensor x, Tensor weight, double eps, int rows, int width)
    {
        if (!Managed)
        {
            return RmsNormByTorch(x, weight, eps);
        }

        Tensor y = empty_like(x);
        void* source = TensorMemory.Pointer(x), gain = TensorMemory.Pointer(weight), target = TensorMemory.Pointer(y);
        if (Type == ScalarType.BFloat16)
        {
            RowKernels.RmsNorm(_team!, (ushort*)source, (ushort*)gain, (ushort*)target, rows, width, (float)eps);
        }
        else
        {
            RowKernels.RmsNorm(_team!, (float*)source, (float*)gain, (float*)target, rows, width, (float)eps);
        }

        return y;
    }

    /// <summary>Rotary position embedding.</summary>
    /// <param name="x">Rows <c>[rows, heads, head]</c>; consumed.</param>
    /// <param name="rotary">Cosines and sines of the rows.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="headSize">Width of a head.</param>
    /// <returns>The rotated rows; the caller disposes them.</returns>
    public unsafe Tensor Rotate(Tensor x, RotaryRows rotary, int rows, int heads, int headSize)
    {
        if (!Managed)
        {
            Tensor rotated = RotateByTorch(x, rotary, headSize);
            x.Dispose();
            return rotated;
        }

        void* data = TensorMemory.Pointer(x);
        float* cos = (float*)TensorMemory.Pointer(rotary.Cos), sin = (float*)TensorMemory.Pointer(rotary.Sin);
        if (Type == ScalarType.BFloat16)
        {
            RowKernels.Rotate(_team!, (ushort*)data, cos, sin, rows, heads, headSize, rotary.Half);
        }
        else
        {
            RowKernels.Rotate(_team!, (float*)data, cos, sin, rows, heads, headSize, rotary.Half);
        }

        return x;
    }

    /// <summary><c>silu(gate) ⊙ up</c>.</summary>
    /// <param name="gate">Consumed.</param>
    /// <param name="up">Borrowed.</param>
    /// <param name="count">Number of elements.</param>
    /// <returns>The product; the caller disposes it.</returns>
    public unsafe Tensor SiluTimes(Tensor gate, Tensor up, long count)
    {
        if (!Managed)
        {
            using Tensor activated = F.silu(gate);
            gate.Dispose();
            return activated.mul(up);
        }

        if (Type == ScalarType.BFloat16)
        {
            RowKernels.SiluTimes(_team!, (ushort*)TensorMemory.Pointer(gate), (ushort*)TensorMemory.Pointer(up), count);
        }
        else
        {
            RowKernels.SiluTimes(_team!, (float*)TensorMemory.Pointer(gate), (float*)TensorMemory.Pointer(up), count);
        }

        return gate;
    }

    private static Tensor RmsNormByTorch(Tensor x, Tensor weight, double eps)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = x.to_type(ScalarType.Float32);
        Tensor mean = wide.pow(2).mean([-1], keepdim: true);
        return weight.mul(wide.mul(mean.add(eps).rsqrt()).to_type(x.dtype)).MoveToOuterDisposeScope();
    }

    private static Tensor RotateByTorch(Tensor x, RotaryRows rotary, int headSize)
    {
        using DisposeScope scope = NewDisposeScope();
        int half = rotary.Half;
        Tensor cos = rotary.Cos.to_type(x.dtype).unsqueeze(1); // [rows, half] -> [rows, 1, half]
        Tensor sin = rotary.Sin.to_type(x.dtype).unsqueeze(1);
        Tensor a = x.narrow(-1, 0, half);
        Tensor b = x.narrow(-1, half, half);
        Tensor first = a.mul(cos).sub(b.mul(sin));
        Tensor second = b.mul(cos).add(a.mul(sin));
        Tensor rotated = headSize == 2 * half ? cat([first, second], -1) : cat([first, second, x.narrow(-1, 2 * half, headSize - (2 * half))], -1);
        return rotated.MoveToOuterDisposeScope();
    }
}
