using Aperture.Data;

namespace Aperture.Workshop;

/// <summary>Paints shelves: tinted item photographs before a brown wall with soft waves, a dark board under each row, uneven light, noise.</summary>
public static class ShelfPainter
{
    /// <summary>Side of a place in pixels.</summary>
    public const int PlaceSide = 32;

    /// <summary>Side of a picture in pixels.</summary>
    public const int Side = ShelfWords.Side * PlaceSide;

    private const int BoardTop = 29;
    private const float BoardShade = 0.45f, ShadowGain = 0.5f;

    /// <summary>Paints one shelf.</summary>
    /// <param name="scene">What stands where.</param>
    /// <param name="items">Photographs to choose from.</param>
    /// <param name="random">Source of chance.</param>
    /// <returns>Red, green, blue of each pixel, row by row; <see cref="Side"/> x <see cref="Side"/> x 3 bytes.</returns>
    public static byte[] Paint(ShelfScene scene, FashionItems items, SeededRandom random)
    {
        float[] picture = new float[Side * Side * 3];
        PaintWall(picture, random);
        foreach (int place in scene.Occupied)
        {
            PaintItem(picture, scene, place, items, random);
        }

        return Expose(picture, random);
    }

    private static void PaintWall(float[] picture, SeededRandom random)
    {
        float tone = (float)(12 * random.Normal());
        float[] wall = [150 + tone + (float)(8 * random.Normal()), 115 + tone + (float)(8 * random.Normal()), 80 + tone + (float)(8 * random.Normal())];
        double down = random.Uniform(0.02, 0.12), across = random.Uniform(0.02, 0.12);
        double phase1 = random.Uniform(0, 2 * Math.PI), phase2 = random.Uniform(0, 2 * Math.PI);
        float[] columns = [.. Enumerable.Range(0, Side).Select(x => (float)(6 * Math.Sin((x * across) + phase2)))];
        for (int y = 0, i = 0; y < Side; y++)
        {
            float wave = (float)(8 * Math.Sin((y * down) + phase1));
            float shade = y % PlaceSide >= BoardTop ? BoardShade : 1;
            for (int x = 0; x < Side; x++)
            {
                for (int c = 0; c < 3; c++)
                {
                    picture[i++] = shade * (wall[c] + wave + columns[x]);
                }
            }
        }
    }

    private static void PaintItem(float[] picture, ShelfScene scene, int place, FashionItems items, SeededRandom random)
    {
        int kind = scene.Kind(place);
        ReadOnlySpan<byte> photograph = items.Pixels(kind, random.Below(items.Count(kind)));
        bool mirrored = random.Chance(0.5);
        int top = (place / ShelfWords.Side * PlaceSide) + random.Below(4), left = (place % ShelfWords.Side * PlaceSide) + random.Below(5);
        (int red, int green, int blue) = ShelfWords.Tints[scene.Color(place)];
        float gain = (float)(1 + (0.05 * random.Normal()));
        Span<float> tint = [red * gain, green * gain, blue * gain];
        for (int c = 0; c < 3; c++)
        {
            tint[c] += (float)(8 * random.Normal());
        }

        for (int y = 0; y < FashionItems.Side; y++)
        {
            for (int x = 0; x < FashionItems.Side; x++)
            {
                float grey = photograph[(y * FashionItems.Side) + (mirrored ? FashionItems.Side - 1 - x : x)] / 255f;
                float cover = Math.Min(1, 3 * grey), light = ShadowGain + ((1 - ShadowGain) * grey);
                int at = (((top + y) * Side) + left + x) * 3;
                for (int c = 0; c < 3; c++)
                {
                    picture[at + c] = ((1 - cover) * picture[at + c]) + (cover * light * tint[c]);
                }
            }
        }
    }

    private static byte[] Expose(float[] picture, SeededRandom random)
    {
        const double WhiteNoise = 4 * 2.449489742783178; // four grey levels: the sum of two uniform numbers has variance 1/6
        float vertical = (float)random.Uniform(-0.12, 0.12), horizontal = (float)random.Uniform(-0.2, 0.2), exposure = (float)random.Uniform(0.85, 1.1);
        byte[] bytes = new byte[picture.Length];
        for (int i = 0; i < picture.Length; i++)
        {
            int pixel = i / 3;
            float y = ((float)(pixel / Side) / Side) - 0.5f, x = ((float)(pixel % Side) / Side) - 0.5f;
            ulong bits = random.NextBits();
            double noise = WhiteNoise * (((uint)bits / 4294967296.0) + ((uint)(bits >> 32) / 4294967296.0) - 1);
            double value = (picture[i] * exposure * (1 + (vertical * y) + (horizontal * x))) + noise;
            bytes[i] = (byte)Math.Clamp(value, 0, 255);
        }

        return bytes;
    }
}
