namespace Aperture.Text;

/// <summary>
/// ROUGE-L (Lin 2004) as MS-COCO's scorer computes it: the F-measure, with beta 1.2, of the best precision and the best recall of the longest common
/// subsequence over all references.
/// </summary>
public static class RougeL
{
    private const double Beta = 1.2;

    /// <summary>Scores captions.</summary>
    /// <param name="items">Captions with their references, tokenised.</param>
    /// <returns>Each score from 0 to 1, and their mean.</returns>
    /// <exception cref="ApertureException">There is no caption, or one has no reference.</exception>
    public static CaptionScore Score(IReadOnlyList<CaptionedItem> items)
    {
        CaptionedItem.Check(items);
        double[] each = [.. items.Select(Score)];
        return new CaptionScore(each.Average(), each);
    }

    private static double Score(CaptionedItem item)
    {
        // Cut at single blanks, so that an empty caption is one empty word, as in the official scorer.
        string[] words = item.Caption.Split(' ');
        double precision = 0, recall = 0;
        foreach (string reference in item.References)
        {
            string[] other = reference.Split(' ');
            double common = CommonSubsequence(words, other);
            precision = Math.Max(precision, common / words.Length);
            recall = Math.Max(recall, common / other.Length);
        }

        return precision == 0 || recall == 0 ? 0 : (1 + (Beta * Beta)) * precision * recall / (recall + (Beta * Beta * precision));
    }

    private static int CommonSubsequence(string[] first, string[] second)
    {
        int[] row = new int[second.Length + 1];
        foreach (string word in first)
        {
            int diagonal = 0;
            for (int j = 1; j <= second.Length; j++)
            {
                int above = row[j];
                row[j] = word == second[j - 1] ? diagonal + 1 : Math.Max(above, row[j - 1]);
                diagonal = above;
            }
        }

        return row[^1];
    }
}
