using Aperture.Vision;

namespace Aperture.Plugins.DtNet.Paths;

/// <summary>
/// Draws the path of a picture: a column of cells for each stage, filled the more the heavier they weigh, framed where they are passed, and a line through
/// the heaviest ones.
/// </summary>
internal static class PathPicture
{
    private const int Cell = 44, Gap = 36, Margin = 24, Frame = 3, Glyph = 2;
    private const int MostCells = 3;

    private static readonly (byte R, byte G, byte B)[] _colours = [(86, 180, 233), (0, 158, 115), (213, 94, 0)];

    // Letters of the cells' names, five columns of seven dots each, the topmost dot lowest.
    private static readonly Dictionary<char, byte[]> _letters = new()
    {
        ['L'] = [127, 64, 64, 64, 64],
        ['M'] = [127, 2, 12, 2, 127],
        ['C'] = [62, 65, 65, 65, 34],
        ['A'] = [126, 9, 9, 9, 126],
        ['G'] = [62, 65, 73, 73, 58],
        ['P'] = [127, 9, 9, 9, 6],
    };

    /// <summary>Draws a path.</summary>
    /// <param name="paths">The path.</param>
    public static Picture Draw(CaptionPaths paths)
    {
        int stages = paths.Weights.Count, width = (2 * Margin) + (stages * Cell) + ((stages - 1) * Gap), height = (2 * Margin) + (MostCells * Cell) + (2 * Gap);
        Canvas canvas = new(width, height);
        (int X, int Y)[] heaviest = new (int, int)[stages];
        for (int stage = 0; stage < stages; stage++)
        {
            float[] weights = paths.Weights[stage];
            heaviest[stage] = Centre(stage, Array.IndexOf(weights, weights.Max()), weights.Length);
            if (stage > 0)
            {
                canvas.Line(heaviest[stage - 1], heaviest[stage]);
            }
        }

        for (int stage = 0; stage < stages; stage++)
        {
            float[] weights = paths.Weights[stage];
            for (int cell = 0; cell < weights.Length; cell++)
            {
                (int x, int y) = Centre(stage, cell, weights.Length);
                (byte r, byte g, byte b) = _colours[weights.Length == MostCells ? cell : cell + 1];
                canvas.Fill(
                    x - (Cell / 2), y - (Cell / 2), Cell, Cell, paths.Passed[stage][cell] ? ((byte)30, (byte)30, (byte)30) : ((byte)200, (byte)200, (byte)200));
                canvas.Fill(x - (Cell / 2) + Frame, y - (Cell / 2) + Frame, Cell - (2 * Frame), Cell - (2 * Frame), (255, 255, 255));
                int filled = (int)Math.Round((Cell - (2 * Frame)) * Math.Clamp(weights[cell], 0, 1));
                canvas.Fill(x - (Cell / 2) + Frame, y + (Cell / 2) - Frame - filled, Cell - (2 * Frame), filled, (r, g, b));
                canvas.Write(CaptionPaths.NamesOf(stage)[cell], x, y);
            }
        }

        return canvas.ToPicture();
    }

    private static (int X, int Y) Centre(int stage, int cell, int cells)
    {
        int top = Margin + (Cell / 2) + (cells < MostCells ? (Cell + Gap) / 2 : 0);
        return (Margin + (Cell / 2) + (stage * (Cell + Gap)), top + (cell * (Cell + Gap)));
    }

    private sealed class Canvas
    {
        private readonly byte[] _rgb;
        private readonly int _width, _height;

        public Canvas(int width, int height)
        {
            (_width, _height, _rgb) = (width, height, new byte[width * height * 3]);
            Array.Fill(_rgb, (byte)255);
        }

        public void Fill(int left, int top, int width, int height, (byte R, byte G, byte B) colour)
        {
            for (int y = Math.Max(0, top); y < Math.Min(_height, top + height); y++)
            {
                for (int x = Math.Max(0, left); x < Math.Min(_width, left + width); x++)
                {
                    int place = ((y * _width) + x) * 3;
                    (_rgb[place], _rgb[place + 1], _rgb[place + 2]) = colour;
                }
            }
        }

        public void Line((int X, int Y) from, (int X, int Y) to)
        {
            int steps = Math.Max(Math.Abs(to.X - from.X), Math.Abs(to.Y - from.Y));
            for (int step = 0; step <= steps; step++)
            {
                int x = from.X + ((to.X - from.X) * step / Math.Max(1, steps)), y = from.Y + ((to.Y - from.Y) * step / Math.Max(1, steps));
                Fill(x - 1, y - 1, Frame, Frame, (30, 30, 30));
            }
        }

        public void Write(string text, int x, int y)
        {
            int left = x - (text.Length * 6 * Glyph / 2) + (Glyph / 2), top = y - (7 * Glyph / 2);
            foreach (char letter in text)
            {
                byte[] columns = _letters[letter];
                for (int column = 0; column < columns.Length; column++)
                {
                    for (int row = 0; row < 7; row++)
                    {
                        if ((columns[column] & (1 << row)) != 0)
                        {
                            Fill(left + (column * Glyph), top + (row * Glyph), Glyph, Glyph, (0, 0, 0));
                        }
                    }
                }

                left += 6 * Glyph;
            }
        }

        public Picture ToPicture() => new(_rgb, _width, _height);
    }
}
