using Aperture.Images;
using Aperture.Vision;

namespace Aperture.Abstractions.Tests.Vision;

/// <summary>Masks and pictures as tasks exchange them.</summary>
public sealed class MaskImageTests
{
    [Fact]
    public void Values_above_the_threshold_are_inside()
    {
        MaskImage mask = new(new float[] { 0.2f, 0.35f, 0.36f, float.NaN, -1, 9 }, 3, 2, 0.35f);

        Assert.Equal(2, mask.Area);
        Assert.Equal([false, false, true], Enumerable.Range(0, 3).Select(x => mask.IsInside(x, 0)));
        Assert.Equal(9, mask[2, 1]);
        Assert.Equal(4, mask.WithThreshold(0).Area);
        Assert.Equal(0.35f, mask.Threshold);
        Assert.Equal((false, 6, 0), (mask.IsBytes, mask.Floats.Length, mask.Bytes.Length));
        Assert.Throws<ArgumentOutOfRangeException>(() => mask[3, 0]);
        Assert.Throws<ArgumentOutOfRangeException>(() => mask.IsInside(0, -1));
    }

    [Fact]
    public void Intersection_over_union_compares_what_is_inside()
    {
        MaskImage bytes = new(new byte[] { 255, 255, 0, 127 }, 2, 2);
        MaskImage floats = new(new float[] { 1, 0, 1, 0 }, 2, 2);
        MaskImage none = new(new byte[4], 2, 2);

        Assert.Equal(1 / 3.0, bytes.IoU(floats));
        Assert.Equal(1, bytes.IoU(bytes));
        Assert.Equal(0, bytes.IoU(none));
        Assert.Equal(1, none.IoU(none));
        ApertureException error = Assert.Throws<ApertureException>(() => bytes.IoU(new MaskImage(new byte[4], 4, 1)));
        Assert.Contains("2x2 pixels cannot be compared with one of 4x1", error.Message);
    }

    [Fact]
    public void Wrong_sizes_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new MaskImage(new byte[3], 2, 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => new MaskImage(Array.Empty<float>(), 0, 2));
        Assert.Throws<ArgumentException>(() => new Picture(new byte[12], 2, 3));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Picture(Array.Empty<byte>(), 1, 0));
    }

    [Fact]
    public void Images_become_pictures_and_masks_become_images()
    {
        Image grey = Image.FromPixels(ImageMode.L, [1, 2, 3, 4, 5, 6], 3, 2);

        Picture picture = grey.ToPicture();
        Image mask = Image.FromMask(new MaskImage(new float[] { 0, 1, 0.6f, 0.4f }, 2, 2));

        Assert.Equal((3, 2), (picture.Width, picture.Height));
        Assert.Equal(new byte[] { 1, 1, 1, 2, 2, 2 }, picture.Rgb[..6].ToArray());
        Assert.Equal(grey.ConvertToRgb().Pixels.ToArray(), Image.FromPicture(picture).Pixels.ToArray());
        Assert.Equal(new byte[] { 0, 255, 255, 0 }, mask.Pixels.ToArray());
        Assert.Equal(ImageMode.L, mask.Mode);
    }
}
