using Aperture.Data;

namespace Aperture.Workshop;

/// <summary>
/// Shelves with finely printed labels: the painted shelf four times as large, pixel by pixel, and on each item a label that is printed all over with its digit,
/// five by seven pixels, three by three times. All else is as coarse as before, so that the digits alone ask for the whole resolution.
/// </summary>
public static class ShelfLabels
{
    /// <summary>How much larger than painted.</summary>
    public const int Scale = 4;

    /// <summary>Side of a picture in pixels.</summary>
    public const int Side = ShelfPainter.Side * Scale;

    /// <summary>Width of a digit in pixels.</summary>
    public const int DigitWidth = 5;

    /// <summary>Height of a digit in pixels.</summary>
    public const int DigitHeight = 7;

    private const int Tile = 8, Copies = 3, LabelSide = Tile * Copies;
    private const double Grain = 6;

    // Each digit's rows from above, the leftmost pixel the highest of five bits.
    private static readonly byte[][] _digits =
    [
        [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110], [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111], [0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110],
        [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010], [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
        [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110], [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
        [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110], [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
    ];

    /// <summary>Paints one shelf with its labels.</summary>
    /// <param name="scene">What stands where, with numbers.</param>
    /// <param name="items">Photographs to choose from.</param>
    /// <param name="random">Source of chance.</param>
    /// <param name="labels">Gets the middle of each place's label, row and column in pixels; null for a place without one.</param>
    /// <returns>Red, green, blue of each pixel, row by row; <see cref="Side"/> x <see cref="Side"/> x 3 bytes.</returns>
    public static byte[] Paint(ShelfScene scene, FashionItems items, SeededRandom random, out (int Y, int X)?[] labels)
    {
        byte[] picture = Enlarged(ShelfPainter.Paint(scene, items, random));
        labels = new (int Y, int X)?[ShelfWords.Places];
        foreach (int place in scene.Occupied)
        {
            if (scene.Number(place) is >= 0 and int number)
            {
                labels[place] = Stamp(picture, place, _digits[number], random);
            }
        }

        return picture;
    }

    private static byte[] Enlarged(byte[] small)
    {
        byte[] large = new byte[Side * Side * 3];
        for (int y = 0; y < ShelfPainter.Side; y++)
        {
            Span<byte> row = large.AsSpan(y * Scale * Side * 3, Side * 3);
            for (int x = 0; x < Side; x++)
            {
                small.AsSpan(((y * ShelfPainter.Side) + (x / Scale)) * 3, 3).CopyTo(row[(x * 3)..]);
            }

            for (int copy = 1; copy < Scale; copy++)
            {
                row.CopyTo(large.AsSpan(((y * Scale) + copy) * Side * 3));
            }
        }

        return large;
    }

    // A light label somewhere on the middle of the item, dark ink, a little grain; gives its middle.
    private static (int Y, int X) Stamp(byte[] picture, int place, byte[] digit, SeededRandom random)
    {
        const int Place = ShelfPainter.PlaceSide * Scale, Edge = Place / 4;
        const int Room = (Place - (2 * Edge) - LabelSide) / Tile;
        int top = (place / ShelfWords.Side * Place) + Edge + (Tile * random.Below(Room + 1));
        int left = (place % ShelfWords.Side * Place) + Edge + (Tile * random.Below(Room + 1));
        double paper = random.Uniform(200, 245), ink = random.Uniform(10, 60);
        for (int y = 0; y < LabelSide; y++)
        {
            for (int x = 0; x < LabelSide; x++)
            {
                bool printed = y % Tile is < DigitHeight and int row && (x % Tile) - 1 is >= 0 and < DigitWidth and int column
                    && (digit[row] >> (DigitWidth - 1 - column) & 1) == 1;
                byte value = (byte)Math.Clamp((printed ? ink : paper) + (Grain * random.Normal()), 0, 255);
                picture.AsSpan((((top + y) * Side) + left + x) * 3, 3).Fill(value);
            }
        }

        return (top + (LabelSide / 2), left + (LabelSide / 2));
    }
}
