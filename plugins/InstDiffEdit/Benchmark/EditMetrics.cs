using Aperture.Images;
using Aperture.Vision;

namespace Aperture.Plugins.InstDiffEdit.Benchmark;

/// <summary>How well an edit kept to a mask: the right one, or the one that was found where the right one is not known.</summary>
/// <param name="IoU">Of the mask that was found with the right one; null where that is not known.</param>
/// <param name="Inside">Mean change of a byte of RGB inside the mask, 0 to 255; 0 for an empty one.</param>
/// <param name="Outside">The same outside of it.</param>
internal sealed record EditMetrics(double? IoU, double Inside, double Outside)
{
    /// <summary>Measures an edit.</summary>
    /// <param name="before">The picture, in the size of the edited one.</param>
    /// <param name="after">The edited picture.</param>
    /// <param name="found">The mask that was found, in the same size.</param>
    /// <param name="right">The right mask, a byte a pixel in the same size; above 127 is inside. Null where it is not known.</param>
    public static EditMetrics Of(Picture before, Picture after, MaskImage found, MaskImage? right)
    {
        MaskImage mask = right ?? found;
        ReadOnlySpan<byte> a = before.Rgb.Span, b = after.Rgb.Span;
        long inside = 0, outside = 0, area = mask.Area, all = (long)mask.Width * mask.Height;
        for (int place = 0; place < all; place++)
        {
            int change = Math.Abs(a[3 * place] - b[3 * place]) + Math.Abs(a[(3 * place) + 1] - b[(3 * place) + 1])
                + Math.Abs(a[(3 * place) + 2] - b[(3 * place) + 2]);
            if (mask.IsInside(place % mask.Width, place / mask.Width))
            {
                inside += change;
            }
            else
            {
                outside += change;
            }
        }

        return new EditMetrics(
            right is null ? null : found.IoU(right), area == 0 ? 0 : inside / (3.0 * area), area == all ? 0 : outside / (3.0 * (all - area)));
    }

    /// <summary>A mask picture in another size: the nearest pixel, above 127 is inside.</summary>
    public static MaskImage Right(Image image, int width, int height)
        => new(image.ConvertToL().Resize(width, height, ResampleFilter.Nearest).Pixels.ToArray(), width, height);
}
