namespace Aperture.Text;

/// <summary>
/// BLEU-1 to BLEU-4 (Papineni et al. 2002) as MS-COCO's scorer computes it: the closest reference length, a tiny count in place of none.
/// </summary>
public static class Bleu
{
    private const double Small = 1e-9, Tiny = 1e-15;

    /// <summary>Scores captions.</summary>
    /// <param name="items">Captions with their references, tokenised.</param>
    /// <returns>BLEU-1 to BLEU-4. The score of the set is over the counts of all captions, not the mean of their scores.</returns>
    /// <exception cref="ApertureException">There is no caption, or one has no reference.</exception>
    public static IReadOnlyList<CaptionScore> Score(IReadOnlyList<CaptionedItem> items)
    {
        CaptionedItem.Check(items);
        Counts all = new();
        List<double>[] each = [.. Enumerable.Range(0, NGrams.Longest).Select(_ => new List<double>(items.Count))];
        foreach (CaptionedItem item in items)
        {
            Counts counts = Count(item);
            all.Add(counts);
            double[] scores = counts.Scores();
            for (int n = 0; n < NGrams.Longest; n++)
            {
                each[n].Add(scores[n]);
            }
        }

        double[] totals = all.Scores();
        return [.. Enumerable.Range(0, NGrams.Longest).Select(n => new CaptionScore(totals[n], each[n]))];
    }

    private static Counts Count(CaptionedItem item)
    {
        string[] words = NGrams.Words(item.Caption);
        Dictionary<string, int>[] own = NGrams.Count(words);
        Dictionary<string, int>[] most = [.. own.Select(_ => new Dictionary<string, int>(StringComparer.Ordinal))];
        int closest = -1;
        foreach (string reference in item.References)
        {
            string[] other = NGrams.Words(reference);
            (int Distance, int Length) found = (Math.Abs(other.Length - words.Length), other.Length);
            closest = closest < 0 || found.CompareTo((Math.Abs(closest - words.Length), closest)) < 0 ? found.Length : closest;
            foreach ((int n, Dictionary<string, int> runs) in NGrams.Count(other).Index())
            {
                foreach ((string run, int count) in runs)
                {
                    most[n][run] = Math.Max(most[n].GetValueOrDefault(run), count);
                }
            }
        }

        Counts counts = new() { Length = words.Length, ReferenceLength = closest };
        for (int n = 0; n < NGrams.Longest; n++)
        {
            counts.Guessed[n] = Math.Max(0, words.Length - n);
            counts.Right[n] = own[n].Sum(run => Math.Min(most[n].GetValueOrDefault(run.Key), run.Value));
        }

        return counts;
    }

    private sealed class Counts
    {
        public long Length { get; set; }

        public long ReferenceLength { get; set; }

        public long[] Guessed { get; } = new long[NGrams.Longest];

        public long[] Right { get; } = new long[NGrams.Longest];

        public void Add(Counts other)
        {
            Length += other.Length;
            ReferenceLength += other.ReferenceLength;
            for (int n = 0; n < NGrams.Longest; n++)
            {
                Guessed[n] += other.Guessed[n];
                Right[n] += other.Right[n];
            }
        }

        public double[] Scores()
        {
            double[] scores = new double[NGrams.Longest];
            double product = 1, ratio = (Length + Tiny) / (ReferenceLength + Small);
            double brevity = ratio < 1 ? Math.Exp(1 - (1 / ratio)) : 1;
            for (int n = 0; n < NGrams.Longest; n++)
            {
                product *= (Right[n] + Tiny) / (Guessed[n] + Small);
                scores[n] = Math.Pow(product, 1.0 / (n + 1)) * brevity;
            }

            return scores;
        }
    }
}
