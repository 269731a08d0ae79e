using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit;

/// <summary>A rectangle of a latent.</summary>
/// <param name="Top">First row.</param>
/// <param name="Left">First column.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
internal readonly record struct LatentRegion(int Top, int Left, int Height, int Width)
{
    /// <summary>
    /// The smallest rectangle around a mask and its margin whose sides lie on the UNet's coarsest grid, so that its maps fall on those of the whole latent.
    /// </summary>
    /// <param name="mask">The mask, <c>[height, width]</c>; any value above 0 is inside.</param>
    /// <param name="height">Rows of the latent.</param>
    /// <param name="width">Columns of the latent.</param>
    /// <param name="margin">Rows and columns around the mask.</param>
    /// <param name="grid">Rows and columns of the latent that are one of the coarsest map.</param>
    /// <returns>The rectangle; null where the mask is empty.</returns>
    public static LatentRegion? Around(byte[] mask, int height, int width, int margin, int grid)
    {
        int top = height, left = width, bottom = -1, right = -1;
        for (int place = 0; place < mask.Length; place++)
        {
            if (mask[place] > 0)
            {
                (int row, int column) = (place / width, place % width);
                (top, bottom) = (Math.Min(top, row), Math.Max(bottom, row));
                (left, right) = (Math.Min(left, column), Math.Max(right, column));
            }
        }

        if (bottom < 0)
        {
            return null;
        }

        (int first, int rows) = Aligned(top - margin, bottom + margin + 1, height, grid);
        (int start, int columns) = Aligned(left - margin, right + margin + 1, width, grid);
        return new LatentRegion(first, start, rows, columns);
    }

    /// <summary>All of a latent.</summary>
    public static LatentRegion Whole(int height, int width) => new(0, 0, height, width);

    /// <summary>The region of <c>[…, H, W]</c>: a view; the caller disposes it.</summary>
    public Tensor Of(Tensor whole)
    {
        using Tensor band = whole.narrow(-2, Top, Height);
        return band.narrow(-1, Left, Width);
    }

    /// <summary>The whole with the region replaced; the caller disposes it.</summary>
    /// <param name="whole"><c>[…, H, W]</c>; borrowed.</param>
    /// <param name="part"><c>[…, Height, Width]</c>; borrowed.</param>
    public Tensor Put(Tensor whole, Tensor part)
    {
        Tensor result = whole.clone();
        using Tensor place = Of(result);
        place.copy_(part);
        return result;
    }

    /// <summary>A mask of the whole, 0 outside the region.</summary>
    /// <param name="mask">The mask, <c>[height, width]</c>.</param>
    /// <param name="width">Columns of the whole.</param>
    public byte[] Clipped(byte[] mask, int width)
    {
        byte[] clipped = new byte[mask.Length];
        for (int row = Top; row < Top + Height; row++)
        {
            mask.AsSpan((row * width) + Left, Width).CopyTo(clipped.AsSpan((row * width) + Left));
        }

        return clipped;
    }

    /// <summary>The region on a grid that is coarser by a factor.</summary>
    public LatentRegion Over(int factor) => new(Top / factor, Left / factor, Height / factor, Width / factor);

    private static (int First, int Length) Aligned(int from, int to, int side, int grid)
    {
        int first = Math.Max(from, 0) / grid * grid, last = (Math.Min(to, side) + grid - 1) / grid * grid;
        return (first, Math.Min(last, side) - first);
    }
}
