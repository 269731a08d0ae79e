using Aperture.Data;

namespace Aperture.Workshop;

/// <summary>The exact pixels of each item on a painted shelf.</summary>
public static class ShelfMasks
{
    private const int WallNormals = 4, WallUniforms = 4, TintNormals = 4, ShiftsDown = 4, ShiftsAcross = 5;
    private const byte HalfCovered = 43; // the least grey value at which an item covers half of a pixel: three times it, by 255

    /// <summary>
    /// The masks of a shelf's items. The painter's draws are made again in its order, so that places and photographs are those of the picture.
    /// </summary>
    /// <param name="scene">What stands where.</param>
    /// <param name="items">The photographs that the picture was painted from.</param>
    /// <param name="random">Source of chance, as the painter got it for this picture.</param>
    /// <returns>By place, 255 where the item covers half of a pixel or more, 0 elsewhere, row by row; null where nothing stands.</returns>
    public static byte[]?[] Of(ShelfScene scene, FashionItems items, SeededRandom random)
    {
        Skip(random, WallNormals, WallUniforms);
        byte[]?[] masks = new byte[]?[ShelfWords.Places];
        foreach (int place in scene.Occupied)
        {
            int kind = scene.Kind(place);
            ReadOnlySpan<byte> photograph = items.Pixels(kind, random.Below(items.Count(kind)));
            bool mirrored = random.Chance(0.5);
            int top = (place / ShelfWords.Side * ShelfPainter.PlaceSide) + random.Below(ShiftsDown);
            int left = (place % ShelfWords.Side * ShelfPainter.PlaceSide) + random.Below(ShiftsAcross);
            Skip(random, TintNormals, 0);
            masks[place] = Mask(photograph, mirrored, top, left);
        }

        return masks;
    }

    private static byte[] Mask(ReadOnlySpan<byte> photograph, bool mirrored, int top, int left)
    {
        byte[] mask = new byte[ShelfPainter.Side * ShelfPainter.Side];
        for (int y = 0; y < FashionItems.Side; y++)
        {
            for (int x = 0; x < FashionItems.Side; x++)
            {
                byte grey = photograph[(y * FashionItems.Side) + (mirrored ? FashionItems.Side - 1 - x : x)];
                mask[((top + y) * ShelfPainter.Side) + left + x] = grey >= HalfCovered ? byte.MaxValue : byte.MinValue;
            }
        }

        return mask;
    }

    private static void Skip(SeededRandom random, int normals, int uniforms)
    {
        for (int i = 0; i < normals; i++)
        {
            random.Normal();
        }

        for (int i = 0; i < uniforms; i++)
        {
            random.NextDouble();
        }
    }
}
