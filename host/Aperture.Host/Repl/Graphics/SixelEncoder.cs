using System.Text;
using Aperture.Images;

namespace Aperture.Host.Repl;

/// <summary>
/// Sixels: bands of six rows, colour by colour, each column of a band one character. The colours are a cube of 6 x 6 x 6; the error of each pixel is handed on
/// to its neighbours (Floyd and Steinberg), so that photographs keep their shades.
/// </summary>
internal static class SixelEncoder
{
    private const int Levels = 6;
    private const int Step = 255 / (Levels - 1);
    private const int BandHeight = 6;

    public static string Encode(Image rgb)
    {
        byte[] colours = Quantise(rgb);
        StringBuilder output = new StringBuilder($"\x1bP0;1;0q\"1;1;{rgb.Width};{rgb.Height}");
        foreach (byte colour in colours.Distinct().Order())
        {
            output.Append($"#{colour};2;{Percent(colour / (Levels * Levels))};{Percent(colour / Levels % Levels)};{Percent(colour % Levels)}");
        }

        for (int top = 0; top < rgb.Height; top += BandHeight)
        {
            int rows = Math.Min(BandHeight, rgb.Height - top);
            byte[] band = colours[(top * rgb.Width)..((top + rows) * rgb.Width)];
            foreach (byte colour in band.Distinct().Order())
            {
                AppendColour(output, band, colour, rgb.Width, rows);
            }

            output.Append('-');
        }

        return output.Append("\x1b\\").ToString();
    }

    private static void AppendColour(StringBuilder output, byte[] band, byte colour, int width, int rows)
    {
        output.Append('#').Append(colour);
        for (int x = 0; x < width;)
        {
            char sixel = Sixel(band, colour, x, width, rows);
            int run = 1;
            while (x + run < width && Sixel(band, colour, x + run, width, rows) == sixel)
            {
                run++;
            }

            output.Append(run > 3 ? $"!{run}{sixel}" : new string(sixel, run));
            x += run;
        }

        output.Append('$');
    }

    private static char Sixel(byte[] band, byte colour, int x, int width, int rows)
    {
        int bits = 0;
        for (int row = 0; row < rows; row++)
        {
            bits |= band[(row * width) + x] == colour ? 1 << row : 0;
        }

        return (char)('?' + bits);
    }

    private static byte[] Quantise(Image rgb)
    {
        int width = rgb.Width, height = rgb.Height;
        float[] left = new float[width * height * 3];
        for (int i = 0; i < left.Length; i++)
        {
            left[i] = rgb.Pixels[i];
        }

        byte[] colours = new byte[width * height];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int pixel = (y * width) + x, colour = 0;
                for (int channel = 0; channel < 3; channel++)
                {
                    float wanted = left[(pixel * 3) + channel];
                    int level = Math.Clamp((int)MathF.Round(wanted / Step), 0, Levels - 1);
                    Spread(left, (pixel * 3) + channel, wanted - (level * Step), x, y, width, height);
                    colour = (colour * Levels) + level;
                }

                colours[pixel] = (byte)colour;
            }
        }

        return colours;
    }

    private static void Spread(float[] left, int at, float error, int x, int y, int width, int height)
    {
        int below = at + (width * 3);
        if (x + 1 < width)
        {
            left[at + 3] += error * 7 / 16;
        }

        if (y + 1 == height)
        {
            return;
        }

        left[below] += error * 5 / 16;
        if (x > 0)
        {
            left[below - 3] += error * 3 / 16;
        }

        if (x + 1 < width)
        {
            left[below + 3] += error / 16;
        }
    }

    private static int Percent(int level) => level * 100 / (Levels - 1);
}
