using Aperture.Images;

namespace Aperture.Abstractions.Tests.Images;

public sealed class MontageTests
{
    [Fact]
    public void Pictures_stand_row_by_row_in_cells_of_the_largest()
    {
        Image red = Image.Filled(2, 3, 255, 0, 0), grey = Image.FromPixels(ImageMode.L, [7], 1, 1), blue = Image.Filled(1, 1, 0, 0, 255);

        Image sheet = Image.Montage([red, grey, blue], columns: 2, gap: 1);

        Assert.Equal((ImageMode.RGB, 7, 9), (sheet.Mode, sheet.Width, sheet.Height));
        (byte, byte, byte) At(int x, int y)
        {
            ReadOnlySpan<byte> pixel = sheet.Pixels[(3 * ((y * sheet.Width) + x))..];
            return (pixel[0], pixel[1], pixel[2]);
        }

        Assert.Equal((255, 255, 255), At(0, 0));
        Assert.Equal((255, 0, 0), At(1, 1));
        Assert.Equal((255, 0, 0), At(2, 3));
        Assert.Equal((7, 7, 7), At(4, 1));
        Assert.Equal((255, 255, 255), At(5, 1));
        Assert.Equal((0, 0, 255), At(1, 5));
        Assert.Equal((255, 255, 255), At(4, 5)); // nothing stands there
        Assert.Equal(2 + 2, Image.Montage([red], columns: 5, gap: 1).Width);
    }

    [Fact]
    public void Nothing_and_no_columns_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Image.Montage([], 2));
        Assert.Throws<ArgumentOutOfRangeException>(() => Image.Montage([Image.Filled(1, 1, 0, 0, 0)], 0));
    }
}
