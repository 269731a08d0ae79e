using Aperture.Images;

namespace Aperture.Abstractions.Tests.Images;

public sealed class TiffTests
{
    [Fact]
    public void Grey_opens_in_the_mode_of_its_depth()
    {
        Image bits = Image.Decode(Tiff([0b10100000], 3, 1, [(258, 1), (262, 1)]));
        Image inverted = Image.Decode(Tiff([0b10100000], 3, 1, [(258, 1), (262, 0)]));
        Image grey = Image.Decode(Tiff([1, 2, 3, 250], 2, 2, [(258, 8), (262, 1)]));
        Image wide = Image.Decode(Tiff([1, 0, 255, 255, 0, 2], 3, 1, [(258, 16), (262, 1)])); // little-endian

        Assert.Equal(ImageMode.Bilevel, bits.Mode);
        Assert.Equal([255, 0, 255], bits.Pixels.ToArray());
        Assert.Equal([0, 255, 0], inverted.Pixels.ToArray());
        Assert.Equal(ImageMode.L, grey.Mode);
        Assert.Equal([1, 2, 3, 250], grey.Pixels.ToArray());
        Assert.Equal(ImageMode.I, wide.Mode);
        Assert.Equal([1, 65535, 512], wide.IntegerPixels.ToArray());
    }

    [Fact]
    public void Colours_of_16_bits_keep_the_high_byte()
    {
        Image image = Image.Decode(Tiff([255, 1, 128, 2, 127, 3], 1, 1, [(258, 16), (262, 2), (277, 3)]));

        Assert.Equal(ImageMode.RGB, image.Mode);
        Assert.Equal([1, 2, 3], image.Pixels.ToArray());
    }

    [Fact]
    public void A_fourth_sample_is_alpha()
    {
        Image image = Image.Decode(Tiff([10, 20, 30, 40, 50, 60, 70, 0], 2, 1, [(258, 8), (262, 2), (277, 4), (338, 2)]));

        Assert.Equal(ImageMode.RGBA, image.Mode);
        Assert.Equal([10, 20, 30, 40, 50, 60, 70, 0], image.Pixels.ToArray());
    }

    [Theory]
    [InlineData(1, 3, 2, new byte[] { 1, 2, 3, 4, 5, 6 })]
    [InlineData(3, 3, 2, new byte[] { 6, 5, 4, 3, 2, 1 })]
    [InlineData(6, 2, 3, new byte[] { 4, 1, 5, 2, 6, 3 })]
    [InlineData(8, 2, 3, new byte[] { 3, 6, 2, 5, 1, 4 })]
    public void Pixels_are_turned_upright_as_Pillow_turns_them(ushort orientation, int width, int height, byte[] pixels)
    {
        Image image = Image.Decode(Tiff([1, 2, 3, 4, 5, 6], 3, 2, [(258, 8), (262, 1), (274, orientation)]));

        Assert.Equal((width, height, ImageOrientation.Upright), (image.Width, image.Height, image.Orientation));
        Assert.Equal(pixels, image.Pixels.ToArray());
    }

    [Fact]
    public void Further_pages_are_not_looked_at()
    {
        byte[] bytes = Tiff([1, 2, 3, 4], 2, 2, [(258, 8), (262, 1)]);
        bytes[^8] = 8; // the directory is its own successor

        Assert.Equal([1, 2, 3, 4], Image.Decode(bytes).Pixels.ToArray());
    }

    [Theory]
    [InlineData(262, 5)] // CMYK
    [InlineData(258, 32)] // bits a sample
    [InlineData(259, 34712)] // JPEG 2000
    [InlineData(277, 9)] // samples
    public void What_cannot_be_read_gives_one_line(ushort tag, ushort value)
    {
        byte[] bytes = Tiff(new byte[64], 2, 2, [(258, 8), (262, 2), (277, 3), (tag, value)]);

        ApertureException error = Assert.Throws<ApertureException>(() => Image.Decode(bytes, "picture.tif"));

        Assert.Contains("picture.tif", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Strips_that_lie_outside_the_file_or_are_too_short_are_refused()
    {
        byte[] outside = Tiff([1, 2, 3, 4], 2, 2, [(258, 8), (262, 1), (279, 5000)]);
        byte[] tooShort = Tiff([1, 2, 3, 4], 2, 2, [(258, 8), (262, 1), (279, 3)]);

        Assert.Contains("ends before", Assert.Throws<ApertureException>(() => Image.Decode(outside)).Message);
        Assert.Contains("ends before", Assert.Throws<ApertureException>(() => Image.Decode(tooShort)).Message);
    }

    /// <summary>A little-endian file of one uncompressed strip, which lies before the directory's end mark; later tags replace earlier ones.</summary>
    internal static byte[] Tiff(byte[] pixels, int width, int height, (ushort Tag, ushort Value)[] tags)
    {
        SortedDictionary<ushort, int> entries = new() { [256] = width, [257] = height, [259] = 1, [278] = height, [279] = pixels.Length };
        foreach ((ushort tag, ushort value) in tags)
        {
            entries[tag] = value;
        }

        // BitsPerSample has a value a sample: they stand behind the directory where they are more than two.
        int samples = entries.GetValueOrDefault((ushort)277, 1), bits = entries.GetValueOrDefault((ushort)258, 1);
        int bitsAt = 8 + 2 + (12 * (entries.Count + 1)) + 4;
        entries[273] = bitsAt + (2 * samples);
        List<byte> file = [.. "II*\0"u8, 8, 0, 0, 0, (byte)entries.Count, 0];
        foreach ((ushort tag, int value) in entries)
        {
            bool isBits = tag == 258;
            file.AddRange([(byte)tag, (byte)(tag >> 8), (byte)(isBits || tag is 262 or 259 or 338 or 274 or 277 ? 3 : 4), 0]);
            file.AddRange(BitConverter.GetBytes(isBits ? samples : 1));
            file.AddRange(isBits && samples > 2 ? BitConverter.GetBytes(bitsAt) : isBits ? [(byte)bits, 0, (byte)bits, 0] : BitConverter.GetBytes(value));
        }

        file.AddRange([0, 0, 0, 0]); // no further directory
        file.AddRange(Enumerable.Range(0, samples).SelectMany(_ => new byte[] { (byte)bits, 0 }));
        file.AddRange(pixels);
        return [.. file];
    }
}
