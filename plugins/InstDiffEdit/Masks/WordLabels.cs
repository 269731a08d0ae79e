namespace Aperture.Plugins.InstDiffEdit.Masks;

/// <summary>Which words' images show the object (1), which the background (-1), and which neither (0).</summary>
/// <param name="Labels">A label for each image, 0 for both ends.</param>
/// <param name="StartSimilarity">Similarity of each image but the last to the opening token's.</param>
/// <param name="BaseSimilarity">Similarity of each word's image to the found one.</param>
internal sealed record WordLabels(int[] Labels, double[] StartSimilarity, double[] BaseSimilarity)
{
    /// <summary>
    /// Finds the word that is most similar to the inverted image of the opening token, which attends to the background, and compares the others with it.
    /// </summary>
    /// <param name="images">The images of the opening token, of at least one word, and of the closing token.</param>
    /// <param name="objectThreshold">From it on a word shows the object.</param>
    /// <param name="backgroundThreshold">Up to it a word shows the background.</param>
    public static WordLabels Find(byte[][] images, double objectThreshold, double backgroundThreshold)
    {
        byte[][] words = images[1..^1];
        double[] start = [.. words.Select(word => Cosine(images[0], word))];
        int found = Array.IndexOf(start, start.Max()); // the first of equals
        double[] similar = [.. words.Select((word, i) => i == found ? 1 : Cosine(words[found], word))];
        int[] labels = Array.ConvertAll(similar, value => value >= objectThreshold ? 1 : value <= backgroundThreshold ? -1 : 0);
        return new WordLabels([0, .. labels, 0], [1, .. start], similar);
    }

    private static double Cosine(byte[] a, byte[] b)
    {
        double product = 0, first = 0, second = 0;
        for (int i = 0; i < a.Length; i++)
        {
            product += (double)a[i] * b[i];
            first += (double)a[i] * a[i];
            second += (double)b[i] * b[i];
        }

        return first > 0 && second > 0 ? product / (Math.Sqrt(first) * Math.Sqrt(second)) : 0;
    }
}
