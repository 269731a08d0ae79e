using Aperture.Images;
using Aperture.Vision;

namespace Aperture.Measuring;

/// <summary>The part of a picture that an encoder saw, at the picture's own resolution, with grey where it saw padding.</summary>
/// <param name="picture">The part.</param>
/// <param name="left">Its left edge in the whole picture.</param>
/// <param name="top">Its upper edge in the whole picture.</param>
internal sealed class PictureView(Image picture, int left, int top)
{
    private const byte Grey = 118;
    private const int LargestSide = 1 << 14;

    public Image Picture => picture;

    /// <summary>A rectangle of the whole picture, in pixels of this part.</summary>
    public PictureArea Inside(PictureArea area) => area with { X = area.X - left, Y = area.Y - top };

    /// <summary>The smallest part that holds all of some rectangles.</summary>
    public static PictureView Of(Image image, IReadOnlyList<PictureArea> areas)
    {
        Image rgb = image.ConvertToRgb();
        int left = Rounded(areas.Min(area => area.X)), top = Rounded(areas.Min(area => area.Y));
        int width = Math.Clamp(
            Rounded(areas.Max(area => area.X + area.Width)) - left, 1,
            LargestSide), height = Math.Clamp(Rounded(areas.Max(area => area.Y + area.Height)) - top, 1, LargestSide);
        byte[] pixels = new byte[width * height * 3];
        Array.Fill(pixels, Grey);
        int firstColumn = Math.Max(0, left), columns = Math.Min(rgb.Width, left + width) - firstColumn;
        for (int y = Math.Max(0, top); columns > 0 && y < Math.Min(rgb.Height, top + height); y++)
        {
            rgb.Pixels.Slice(((y * rgb.Width) + firstColumn) * 3, columns * 3).CopyTo(pixels.AsSpan((((y - top) * width) + firstColumn - left) * 3));
        }

        return new PictureView(Image.FromRgb(pixels, width, height), left, top);
    }

    private static int Rounded(double edge) => (int)Math.Round(edge, MidpointRounding.AwayFromZero);
}
