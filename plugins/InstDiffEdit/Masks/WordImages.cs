using Aperture.Images;

namespace Aperture.Plugins.InstDiffEdit.Masks;

/// <summary>Attention maps of words as grey images, as the published code makes them.</summary>
internal static class WordImages
{
    /// <summary>Makes an image of each word.</summary>
    /// <param name="maps">Mean attention, <c>[rows, columns, tokens]</c>, row-major; of more tokens than the groups name the rest is not looked at.</param>
    /// <param name="rows">Rows of the maps.</param>
    /// <param name="columns">Columns of the maps.</param>
    /// <param name="groups">Tokens of each image.</param>
    /// <param name="height">Rows of the images.</param>
    /// <param name="width">Columns of the images.</param>
    /// <returns>Bytes <c>[height, width]</c> of each image; the opening token's is inverted.</returns>
    public static byte[][] Make(float[] maps, int rows, int columns, IReadOnlyList<int[]> groups, int height, int width)
        => [.. groups.Select((group, image) => Image(Map(maps, rows * columns, group), rows, columns, height, width, inverted: image == 0))];

    private static float[] Map(float[] maps, int places, int[] group)
    {
        int tokens = maps.Length / places;
        float[] map = new float[places];
        for (int place = 0; place < places; place++)
        {
            float sum = 0;
            foreach (int token in group)
            {
                sum += maps[(place * tokens) + token];
            }

            map[place] = group.Length == 1 ? sum : sum / group.Length;
        }

        return map;
    }

    private static byte[] Image(float[] map, int rows, int columns, int height, int width, bool inverted)
    {
        float most = map.Max();
        byte[] small = Array.ConvertAll(map, value => most > 0 ? (byte)(255f * value / most) : byte.MinValue);
        byte[] large = Images.Image.FromPixels(ImageMode.L, small, columns, rows).Resize(width, height).Pixels.ToArray();
        byte[] seen = inverted ? Array.ConvertAll(large, value => (byte)(255 - value)) : large;
        return MapMath.Bytes(MapMath.Stretched(MapMath.Unit(seen)));
    }
}
