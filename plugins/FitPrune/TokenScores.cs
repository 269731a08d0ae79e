using Aperture.Measuring;

namespace Aperture.Plugins.FitPrune;

/// <summary>Scores of visual tokens and the choice of the lowest.</summary>
internal static class TokenScores
{
    /// <summary>Scores by mode; the official one is the product of what text and what other visual tokens pay a token.</summary>
    /// <param name="self">Self sums divided by the number of visual rows.</param>
    /// <param name="cross">Cross sums over text rows.</param>
    /// <param name="textRows">Number of text rows.</param>
    /// <param name="mode"><see cref="FitPruneOptions.ScoreMode"/>.</param>
    /// <param name="half">Whether the product is rounded to fp16.</param>
    public static float[] Of(float[] self, float[] cross, int textRows, string mode, bool half)
    {
        float[] scores = new float[self.Length];
        for (int j = 0; j < scores.Length; j++)
        {
            float score = mode switch
            {
                "cross-only" => cross[j],
                "self-only" => self[j],
                "sum" => (cross[j] / Math.Max(textRows, 1)) + self[j],
                _ => cross[j] * self[j],
            };
            scores[j] = half ? (float)(Half)score : score;
        }

        return scores;
    }

    /// <summary>The indices of the <paramref name="count"/> lowest scores, lowest first. Not-a-number counts as highest.</summary>
    /// <param name="scores">The scores.</param>
    /// <param name="count">How many.</param>
    /// <param name="stable">Whether the lower of two equally scored indices comes first; otherwise their order is open.</param>
    public static int[] Lowest(float[] scores, int count, bool stable)
    {
        if (stable)
        {
            return Ascending(scores, count);
        }

        int[] order = [.. Enumerable.Range(0, scores.Length)];
        Array.Sort(Array.ConvertAll(scores, s => float.IsNaN(s) ? float.PositiveInfinity : s), order);
        return order[..count];
    }

    private static int[] Ascending(float[] scores, int count)
    {
        // One key holds the score's bits, made to sort as unsigned numbers, above the index: one sort of plain numbers, stable by construction.
        ulong[] keys = new ulong[scores.Length];
        for (int j = 0; j < keys.Length; j++)
        {
            uint bits = float.IsNaN(scores[j]) ? 0x7FC00000u : BitConverter.SingleToUInt32Bits(scores[j] + 0f);
            bits = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
            keys[j] = ((ulong)bits << 32) | (uint)j;
        }

        Array.Sort(keys);
        int[] lowest = new int[count];
        for (int j = 0; j < count; j++)
        {
            lowest[j] = (int)(keys[j] & 0xFFFFFFFFu);
        }

        return lowest;
    }
}
