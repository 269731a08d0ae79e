using Aperture.Images;

namespace Aperture.Abstractions.Tests.Images;

/// <summary>What a file says about its pixels and the default processors pass over: told in one notice, and acted on where asked.</summary>
public sealed class ImagePreparationTests
{
    [Fact]
    public void A_transparent_picture_is_laid_on_a_colour_as_Pillow_pastes_it()
    {
        Image image = Image.FromPixels(ImageMode.RGBA, [10, 200, 30, 128, 255, 0, 77, 1, 9, 8, 7, 255, 100, 110, 120, 0], 2, 2);

        Image laid = image.OnBackground(250, 100, 3);

        // Pillow 9.4: Image.new("RGB", (2, 2), (250, 100, 3)).paste(image, mask=image.getchannel("A"))
        Assert.Equal([130, 150, 17, 250, 100, 3, 9, 8, 7, 250, 100, 3], laid.Pixels.ToArray());
        Assert.Equal(ImageMode.RGB, laid.Mode);
    }

    [Theory]
    [InlineData(ImageMode.RGBA, new byte[] { 1, 2, 3, 255 }, false)]
    [InlineData(ImageMode.RGBA, new byte[] { 1, 2, 3, 254 }, true)]
    [InlineData(ImageMode.LA, new byte[] { 1, 0 }, true)]
    [InlineData(ImageMode.L, new byte[] { 1 }, false)]
    [InlineData(ImageMode.RGB, new byte[] { 1, 2, 3 }, false)]
    public void Transparency_is_told_by_the_pixels(ImageMode mode, byte[] pixel, bool has)
    {
        Image image = Image.FromPixels(mode, pixel, 1, 1);

        Assert.Equal(has, image.HasTransparency);
        Assert.Equal(has ? "as the official processors do: a.png is transparent, shown without alpha; --background COLOR lays on a colour." : null,
            ImagePreparation.None.Notice([("a.png", image)]));
        Assert.Null((ImagePreparation.None with { Background = (1, 2, 3) }).Notice([("a.png", image)]));
    }

    [Fact]
    public void A_turned_picture_is_told_and_turned_where_asked()
    {
        Image stored = Image.Decode(Turned());

        Assert.Equal(ImageOrientation.Rotate90, stored.Orientation);
        Assert.Equal(
            "as the official processors do: p.jpg is turned (EXIF orientation), shown as stored; --upright turns.",
            ImagePreparation.None.Notice([("p.jpg", stored)]));
        Assert.Same(stored, ImagePreparation.None.Apply(stored));
        ImagePreparation upright = new() { Upright = true };
        Assert.Null(upright.Notice([("p.jpg", stored)]));
        Assert.Equal((8, 16), (upright.Apply(stored).Width, upright.Apply(stored).Height));
        Assert.Equal("upright, on #ffffff", (upright with { Background = ImagePreparation.ParseColour("white") }).ToString());
    }

    [Theory]
    [InlineData("white", 255, 255, 255)]
    [InlineData("Grey", 128, 128, 128)]
    [InlineData("#0aF", 0, 0xAA, 0xFF)]
    [InlineData("#102030", 0x10, 0x20, 0x30)]
    public void Colours_are_names_or_hexadecimal(string text, byte red, byte green, byte blue)
        => Assert.Equal((red, green, blue), ImagePreparation.ParseColour(text));

    [Theory]
    [InlineData("")]
    [InlineData("mauve")]
    [InlineData("#12345")]
    [InlineData("#12345g")]
    [InlineData("1234567")]
    public void Other_text_is_no_colour(string text)
        => Assert.Contains($"'{text}' is no colour", Assert.Throws<ApertureException>(() => ImagePreparation.ParseColour(text)).Message);

    // 16 x 8 pixels with the EXIF orientation 6 behind the first marker.
    private static byte[] Turned()
    {
        using SkiaSharp.SKBitmap bitmap = new(16, 8);
        byte[] file = bitmap.Encode(SkiaSharp.SKEncodedImageFormat.Jpeg, 90).ToArray();
        byte[] exif = [.. "Exif\0\0II*\0"u8, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0];
        return [.. file[..2], 0xFF, 0xE1, 0, (byte)(exif.Length + 2), .. exif, .. file[2..]];
    }
}
