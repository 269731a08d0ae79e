using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Kernels;

/// <summary>
/// Convolutions of maps. On some processors libtorch's own are wrong without a word (oneDNN 3.7 on a virtual AMD EPYC with AVX-512, float32 and bf16): where
/// channels do not fill blocks of sixteen they count whatever memory holds behind them, and gradients of strided ones want an even number of blocks. A process
/// looks once whether its are; if so, channels are filled up with zeros.
/// </summary>
public static class Convolutions
{
    private const long Block = 16;

    private static readonly Lazy<bool> _areWrong = new(AreWrong);

    /// <summary>Whether libtorch's convolutions are wrong on this processor unless channels fill whole blocks.</summary>
    public static bool NeedWholeBlocks => _areWrong.Value;

    /// <summary>Convolves.</summary>
    /// <param name="x"><c>[B, I, H, W]</c>; borrowed.</param>
    /// <param name="weight"><c>[O, I / groups, k, l]</c>; borrowed.</param>
    /// <param name="bias"><c>[O]</c>; null for none. Borrowed.</param>
    /// <param name="stride">Stride along both axes.</param>
    /// <param name="padding">Zeros around the map.</param>
    /// <param name="groups">Groups of channels.</param>
    /// <returns><c>[B, O, (H + 2 padding - k) / stride + 1, …]</c>; the caller disposes it.</returns>
    public static Tensor Run(Tensor x, Tensor weight, Tensor? bias = null, int stride = 1, int padding = 0, long groups = 1)
        => groups == 1 && Fails(x, weight, stride)
            ? InWholeBlocks(x, weight, bias, stride, padding)
            : F.conv2d(x, weight, bias, strides: [stride, stride], padding: [padding, padding], groups: groups);

    /// <summary>Convolves the other way: each place of the map adds a kernel to the result.</summary>
    /// <param name="x"><c>[B, I, H, W]</c>; borrowed.</param>
    /// <param name="weight"><c>[I, O, k, l]</c>; borrowed.</param>
    /// <param name="bias"><c>[O]</c>; null for none. Borrowed.</param>
    /// <param name="stride">Stride along both axes.</param>
    /// <returns><c>[B, O, (H - 1) stride + k, …]</c>; the caller disposes it.</returns>
    public static Tensor RunTransposed(Tensor x, Tensor weight, Tensor? bias, int stride)
        => Fails(x, weight, stride)
            ? TransposedInWholeBlocks(x, weight, bias, stride)
            : F.conv_transpose2d(x, weight, bias, strides: [stride, stride]);

    internal static Tensor InWholeBlocks(Tensor x, Tensor weight, Tensor? bias, int stride, int padding)
        => InWholeBlocks(
            x, weight, bias, stride, outputAxis: 0,
            (map, kernel, added) => F.conv2d(map, kernel, added, strides: [stride, stride], padding: [padding, padding]));

    internal static Tensor TransposedInWholeBlocks(Tensor x, Tensor weight, Tensor? bias, int stride)
        => InWholeBlocks(
            x, weight, bias, stride, outputAxis: 1, (map, kernel, added) => F.conv_transpose2d(map, kernel, added, strides: [stride, stride]));

    private static Tensor InWholeBlocks(
        Tensor x, Tensor weight, Tensor? bias, int stride, int outputAxis, Func<Tensor, Tensor, Tensor?, Tensor> convolve)
    {
        using DisposeScope scope = NewDisposeScope();
        long[] missing = [Missing(weight.size(0)), Missing(weight.size(1), stride)];
        long inputs = missing[1 - outputAxis], outputs = missing[outputAxis];
        Tensor whole = convolve(
            Filled(x, 0, inputs), Filled(weight, missing[0], missing[1]), bias is null || outputs == 0 ? bias : F.pad(bias, [0, outputs]));
        Tensor wanted = outputs == 0 ? whole : whole.narrow(1, 0, weight.size(outputAxis)).contiguous(); // [B, O', H, W] -> [B, O, H, W]
        return wanted.MoveToOuterDisposeScope();
    }

    // In double precision, and on other devices, nothing is blocked.
    private static bool Fails(Tensor x, Tensor weight, int stride)
        => x.device_type == DeviceType.CPU && x.dtype != ScalarType.Float64 && (Missing(weight.size(0)) > 0 || Missing(weight.size(1), stride) > 0)
            && NeedWholeBlocks;

    private static long Missing(long channels, int stride = 1)
    {
        long block = stride > 1 && channels > Block ? 2 * Block : Block;
        return (block - (channels % block)) % block;
    }

    // [n, m, H, W] -> [n + first, m + second, H, W]
    private static Tensor Filled(Tensor x, long first, long second) => first + second == 0 ? x.alias() : F.pad(x, [0, 0, 0, 0, 0, second, 0, first]);

    // On a thread of its own, where gradients are counted whatever the caller's mode is.
    private static bool AreWrong()
    {
        bool wrong = false;
        Exception? failure = null;
        Thread looks = new(() =>
        {
            try
            {
                wrong = IsWrong(inputs: 24, outputs: 32, stride: 1) || IsWrong(inputs: 48, outputs: 16, stride: 2);
            }
            catch (Exception error)
            {
                failure = error;
            }
        });
        looks.Start();
        looks.Join();
        return failure is null ? wrong : throw new InvalidOperationException("libtorch's convolutions could not be tried.", failure);
    }

    // A convolution and its gradient, again and again over memory that held something before, against the same in double precision.
    private static bool IsWrong(long inputs, long outputs, int stride)
    {
        const int Rounds = 4;
        using DisposeScope scope = NewDisposeScope();
        Tensor Line(params long[] shape) => linspace(-1, 1, shape.Aggregate((a, b) => a * b)).view(shape);
        (Tensor Values, Tensor Gradient) Run(ScalarType type)
        {
            Tensor x = Line(2, inputs, 8, 8).to_type(type).requires_grad_(), weight = Line(outputs, inputs, 3, 3).to_type(type);
            Tensor values = F.conv2d(x, weight, strides: [stride, stride], padding: [1, 1]);
            return (values.detach(), autograd.grad([values], [x], [Line(values.shape).to_type(type)])[0]);
        }

        (Tensor Values, Tensor Gradient) right = Run(ScalarType.Float64);
        for (int round = 0; round < Rounds; round++)
        {
            foreach (int size in new[] { 1 << 9, 1 << 12, 1 << 16 })
            {
                full(size, 7f).Dispose();
            }

            (Tensor Values, Tensor Gradient) found = Run(ScalarType.Float32);
            if (!Near(found.Values, right.Values) || !Near(found.Gradient, right.Gradient))
            {
                return true;
            }
        }

        return false;

        static bool Near(Tensor found, Tensor right) => found.to_type(ScalarType.Float64).allclose(right, 1e-3, 1e-2);
    }
}
