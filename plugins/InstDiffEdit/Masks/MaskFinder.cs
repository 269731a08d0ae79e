namespace Aperture.Plugins.InstDiffEdit.Masks;

/// <summary>Makes the mask of a step from the attention maps of a sentence's words (section 3.3 of the paper).</summary>
/// <param name="groups">Tokens of each word's image.</param>
/// <param name="options">Thresholds, and whether words are told apart once.</param>
internal sealed class MaskFinder(IReadOnlyList<int[]> groups, EditorOptions options)
{
    private WordLabels? _labels;

    /// <summary>What the words were told to be; null before the first step, and for a sentence of one word.</summary>
    public WordLabels? Labels => _labels;

    /// <summary>Finds the mask.</summary>
    /// <param name="maps">Mean attention, <c>[rows, columns, tokens]</c>, row-major.</param>
    /// <param name="rows">Rows of the maps.</param>
    /// <param name="columns">Columns of the maps.</param>
    /// <param name="height">Rows of the mask.</param>
    /// <param name="width">Columns of the mask.</param>
    public StepMask Find(float[] maps, int rows, int columns, int height, int width)
    {
        byte[][] images = WordImages.Make(maps, rows, columns, groups, height, width);
        float[] refined;
        if (images.Length == 3)
        {
            refined = MapMath.Unit(images[1]);
        }
        else
        {
            if (_labels is null || options.ReindexEveryStep)
            {
                _labels = WordLabels.Find(images, options.ObjectThreshold, options.Background);
            }

            refined = Refined(images, _labels.Labels);
        }

        (byte[] grey, byte[] mask) = Binary(refined, height, width, options.Threshold);
        return new StepMask(images, refined, grey, mask, height, width);
    }

    /// <summary>The mean image of the object less that of the background, where it is above.</summary>
    public static float[] Refined(byte[][] images, int[] labels)
    {
        float[]? background = Mean(images, labels, -1);
        float[] found = MapMath.Stretched(Mean(images, labels, 1)!);
        if (background is null)
        {
            return found;
        }

        float[] behind = MapMath.Stretched(background);
        return [.. found.Select((value, i) => Math.Max(value - behind[i], 0f))];
    }

    /// <summary>Blurs twice, stretches, and cuts at a threshold: the grey map and the mask of 0 and 255.</summary>
    public static (byte[] Grey, byte[] Mask) Binary(float[] refined, int height, int width, double threshold)
    {
        float[] kernel = MapMath.Kernel(sigma: 0);
        float[] smooth = MapMath.Blurred(MapMath.Blurred(refined, height, width, kernel), height, width, kernel);
        float[] stretched = MapMath.Stretched(smooth);
        return (MapMath.Bytes(stretched), Array.ConvertAll(stretched, value => value > (float)threshold ? byte.MaxValue : byte.MinValue));
    }

    private static float[]? Mean(byte[][] images, int[] labels, int label)
    {
        float[]? sum = null;
        int count = 0;
        for (int image = 0; image < images.Length; image++)
        {
            if (labels[image] != label)
            {
                continue;
            }

            float[] values = MapMath.Unit(images[image]);
            sum = sum is null ? values : [.. sum.Select((value, i) => value + values[i])];
            count++;
        }

        return sum is null ? null : Array.ConvertAll(sum, value => value / count);
    }
}

/// <summary>What a step found.</summary>
/// <param name="Images">The words' images.</param>
/// <param name="Refined">The map before it is blurred.</param>
/// <param name="Grey">The map as bytes.</param>
/// <param name="Mask">255 inside, 0 outside, in the latent's size.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
internal sealed record StepMask(byte[][] Images, float[] Refined, byte[] Grey, byte[] Mask, int Height, int Width);
