using System.Text;
using Aperture.Images;

namespace Aperture.Abstractions.Tests.Images;

public sealed class PnmAndTgaTests
{
    [Theory]
    [InlineData(" \n#\t")]
    [InlineData("\n\n\n\n")]
    [InlineData("#123")]
    public void Pixels_that_look_like_white_space_are_pixels(string pixels)
    {
        Image image = Image.Decode(Encoding.Latin1.GetBytes($"P5\n# a comment\n2 2\n255\n{pixels}"));

        Assert.Equal(ImageMode.L, image.Mode);
        Assert.Equal(Encoding.Latin1.GetBytes(pixels), image.Pixels.ToArray());
    }

    [Fact]
    public void Values_are_scaled_to_the_modes_range()
    {
        for (int largest = 1; largest < 255; largest++)
        {
            byte[] values = [.. Enumerable.Range(0, largest + 1).Select(value => (byte)value)];

            Image image = Image.Decode([.. Encoding.ASCII.GetBytes($"P5 {values.Length} 1 {largest}\n"), .. values]);

            Assert.Equal(values.Select(value => (byte)Math.Round(value * 255.0 / largest)), image.Pixels.ToArray());
        }
    }

    [Fact]
    public void Bits_and_wide_values_have_modes_of_their_own()
    {
        Image bits = Image.Decode([.. "P4\n10 2\n"u8, 0b10100000, 0b01000000, 0b00001111, 0b10000000]);
        Image wide = Image.Decode([.. "P5\n3 1\n65535\n"u8, 0, 1, 255, 255, 32, 10]);
        Image colours = Image.Decode([.. "P6\n1 1\n65535\n"u8, 32, 0, 128, 0, 255, 255]);

        Assert.Equal(ImageMode.Bilevel, bits.Mode);
        Assert.Equal(
            [0, 255, 0, 255, 255, 255, 255, 255, 255, 0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 255], bits.Pixels.ToArray().Select(value => (int)value));
        Assert.Equal(ImageMode.I, wide.Mode);
        Assert.Equal([1, 65535, 8202], wide.IntegerPixels.ToArray());
        Assert.Equal(ImageMode.RGB, colours.Mode);
        Assert.Equal([32, 128, 255], colours.Pixels.ToArray());
    }

    [Fact]
    public void Plain_files_are_read_too()
    {
        Image bits = Image.Decode(Encoding.ASCII.GetBytes("P1\n# bits may stand side by side\n3 2\n010\n1 0 1"));
        Image grey = Image.Decode(Encoding.ASCII.GetBytes("P2 3 1 15\n0 7 # a comment\n 15\n"));
        Image colours = Image.Decode(Encoding.ASCII.GetBytes("P3\n1 2\n255\n1 2 3\n40\t50 60"));

        Assert.Equal([255, 0, 255, 0, 255, 0], bits.Pixels.ToArray());
        Assert.Equal([0, 119, 255], grey.Pixels.ToArray());
        Assert.Equal([1, 2, 3, 40, 50, 60], colours.Pixels.ToArray());
    }

    [Theory]
    [InlineData("P1\n2 2\n0102")]
    [InlineData("P2\n2 2\n255\n1 2 3")]
    [InlineData("P3\n1 1\n255\n1 2 x")]
    [InlineData("P5\n2 2\n255\nabc")]
    [InlineData("P5\n2 2\n0\nabcd")]
    [InlineData("P5\n2 2\n70000\nabcdefgh")]
    [InlineData("P5\n2 x\n255\nabcd")]
    [InlineData("P5\n2")]
    [InlineData("P6\n0 2\n255\nabcd")]
    [InlineData("P5\n99999999999999999999 1\n255\na")]
    public void Damaged_headers_and_missing_pixels_give_one_line(string file)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Image.Decode(Encoding.Latin1.GetBytes(file), "picture.pgm"));

        Assert.Contains("picture.pgm", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Tga_opens_grey_colours_and_alpha_from_either_edge()
    {
        Image grey = Image.Decode(Tga(3, 2, 2, 8, 0x20, [1, 2, 3, 4]));
        Image upwards = Image.Decode(Tga(3, 2, 2, 8, 0, [1, 2, 3, 4]));
        Image colours = Image.Decode(Tga(2, 1, 1, 24, 0x20, [30, 20, 10]));
        Image runs = Image.Decode(Tga(10, 3, 1, 32, 0x28, [0x81, 30, 20, 10, 40, 0x00, 7, 6, 5, 0]));

        Assert.Equal(ImageMode.L, grey.Mode);
        Assert.Equal([1, 2, 3, 4], grey.Pixels.ToArray());
        Assert.Equal([3, 4, 1, 2], upwards.Pixels.ToArray());
        Assert.Equal([10, 20, 30], colours.Pixels.ToArray());
        Assert.Equal(ImageMode.RGBA, runs.Mode);
        Assert.Equal([10, 20, 30, 40, 10, 20, 30, 40, 5, 6, 7, 0], runs.Pixels.ToArray());
    }

    [Fact]
    public void Runs_of_a_tga_file_that_end_too_early_are_refused() =>
        Assert.Contains("runs.tga", Assert.Throws<ApertureException>(() => Image.Decode(Tga(10, 3, 1, 32, 0x28, [0x81, 30, 20, 10, 40]), "runs.tga")).Message);

    private static byte[] Tga(int type, int width, int height, int depth, int descriptor, byte[] pixels) =>
        [0, 0, (byte)type, 0, 0, 0, 0, 0, 0, 0, 0, 0, (byte)width, 0, (byte)height, 0, (byte)depth, (byte)descriptor, .. pixels];
}
