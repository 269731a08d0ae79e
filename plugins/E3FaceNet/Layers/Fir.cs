using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Layers;

/// <summary>What is put around a picture before it is filtered; negative numbers crop.</summary>
/// <param name="Left">Pixels on the left.</param>
/// <param name="Right">On the right.</param>
/// <param name="Top">Above.</param>
/// <param name="Bottom">Below.</param>
internal readonly record struct FirPadding(int Left, int Right, int Top, int Bottom)
{
    /// <summary>The same before both axes and behind both.</summary>
    public static FirPadding Of(int before, int behind) => new(before, behind, before, behind);
}

/// <summary>Enlarging by zeros, filtering and thinning out, channel by channel.</summary>
internal static class Fir
{
    /// <summary>A square filter of taps that sum to one; the caller disposes it.</summary>
    public static Tensor Square(params float[] taps)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor line = tensor(taps);
        Tensor square = outer(line, line);
        return square.div(square.sum()).MoveToOuterDisposeScope();
    }

    /// <summary>Puts zeros between pixels, pads, filters, and keeps every so many-th pixel.</summary>
    /// <param name="x"><c>[N, C, H, W]</c>; borrowed.</param>
    /// <param name="filter"><c>[h, w]</c>, or <c>[n]</c> for both axes one after the other; null for none. Borrowed.</param>
    /// <param name="up">Factors of enlarging.</param>
    /// <param name="down">Factors of thinning out.</param>
    /// <param name="padding">Padding in pixels of the enlarged picture.</param>
    /// <param name="correlate">Whether the filter is taken as it lies; else it is turned round, as a convolution does.</param>
    /// <param name="gain">Factor on the result.</param>
    /// <returns>The result; the caller disposes it.</returns>
    public static Tensor Resample(
        Tensor x, Tensor? filter, (int X, int Y) up, (int X, int Y) down, FirPadding padding, bool correlate = false, double gain = 1)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor f = filter ?? ones([1, 1], device: x.device);
        f = f.mul(Math.Pow(gain, f.dim() / 2.0)).to(x.dtype);
        f = correlate ? f : f.flip([.. Enumerable.Range(0, (int)f.dim()).Select(dimension => (long)dimension)]);
        Tensor y = Padded(Enlarged(x, up), padding);
        y = f.dim() == 1 ? Filtered(Filtered(y, f.unsqueeze(0)), f.unsqueeze(1)) : Filtered(y, f);
        return y.slice(2, 0, y.size(2), down.Y).slice(3, 0, y.size(3), down.X).contiguous().MoveToOuterDisposeScope();
    }

    /// <summary>Filters and leaves the size.</summary>
    public static Tensor Filter(Tensor x, Tensor filter)
    {
        int n = (int)filter.size(0);
        return Resample(x, filter, (1, 1), (1, 1), FirPadding.Of(n / 2, (n - 1) / 2));
    }

    /// <summary>Doubles the size.</summary>
    public static Tensor Enlarge(Tensor x, Tensor filter) => Resample(x, filter, (2, 2), (1, 1), EnlargePadding(filter, 0), gain: 4);

    /// <summary>Halves the size.</summary>
    public static Tensor Reduce(Tensor x, Tensor filter) => Resample(x, filter, (1, 1), (2, 2), ReducePadding(filter, 0));

    /// <summary>A convolution that doubles the size before itself.</summary>
    /// <param name="x"><c>[N, I, H, W]</c>; borrowed.</param>
    /// <param name="weight"><c>[O, I, k, k]</c>; borrowed.</param>
    /// <param name="filter">The filter of the enlarging; borrowed.</param>
    /// <param name="correlate">Whether the weights are taken as they lie; else they are turned round.</param>
    /// <returns><c>[N, O, 2 H, 2 W]</c>; the caller disposes it.</returns>
    public static Tensor ConvolveUp(Tensor x, Tensor weight, Tensor filter, bool correlate)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor large = Resample(x, filter, (2, 2), (1, 1), EnlargePadding(filter, (int)weight.size(-1) / 2), gain: 4);
        return Convolutions.Run(large, correlate ? weight : weight.flip(2, 3)).MoveToOuterDisposeScope();
    }

    /// <summary>A convolution that halves the size: filtered first, then thinned out by its stride.</summary>
    /// <param name="x"><c>[N, I, H, W]</c>; borrowed.</param>
    /// <param name="weight"><c>[O, I, k, k]</c>; borrowed.</param>
    /// <param name="filter">The filter; borrowed.</param>
    /// <returns><c>[N, O, H / 2, W / 2]</c>; the caller disposes it.</returns>
    public static Tensor ConvolveDown(Tensor x, Tensor weight, Tensor filter)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor smooth = Resample(x, filter, (1, 1), (1, 1), ReducePadding(filter, (int)weight.size(-1) / 2));
        return Convolutions.Run(smooth, weight, stride: 2).MoveToOuterDisposeScope();
    }

    private static FirPadding EnlargePadding(Tensor filter, int more)
    {
        int n = (int)filter.size(0);
        return FirPadding.Of(more + ((n + 1) / 2), more + ((n - 2) / 2));
    }

    private static FirPadding ReducePadding(Tensor filter, int more)
    {
        int n = (int)filter.size(0);
        return FirPadding.Of(more + ((n - 1) / 2), more + ((n - 2) / 2));
    }

    private static Tensor Enlarged(Tensor x, (int X, int Y) up)
    {
        if (up == (1, 1))
        {
            return x;
        }

        Tensor spaced = F.pad(x.unsqueeze(4).unsqueeze(3), [0, up.X - 1, 0, 0, 0, up.Y - 1]); // [N, C, H, 1, W, 1] -> [N, C, H, y, W, x]
        return spaced.reshape(x.size(0), x.size(1), x.size(2) * up.Y, x.size(3) * up.X);
    }

    private static Tensor Padded(Tensor x, FirPadding padding)
    {
        static long Grow(int size) => Math.Max(size, 0);
        static long Crop(int size) => Math.Max(-size, 0);
        Tensor large = F.pad(x, [Grow(padding.Left), Grow(padding.Right), Grow(padding.Top), Grow(padding.Bottom)]);
        return large.slice(2, Crop(padding.Top), large.size(2) - Crop(padding.Bottom), 1)
            .slice(3, Crop(padding.Left), large.size(3) - Crop(padding.Right), 1);
    }

    private static Tensor Filtered(Tensor x, Tensor filter)
    {
        long channels = x.size(1);
        Tensor each = filter.unsqueeze(0).unsqueeze(0).expand(channels, 1, filter.size(0), filter.size(1));
        return F.conv2d(x, each, groups: channels);
    }
}
