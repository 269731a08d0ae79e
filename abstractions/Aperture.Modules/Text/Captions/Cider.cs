namespace Aperture.Text;

/// <summary>
/// CIDEr and CIDEr-D (Vedantam, Zitnick and Parikh 2015): the mean similarity of tf-idf weighted runs of one to four words with each reference, times ten.
/// How often runs occur in references may come from other captions than those that are scored, such as those of a training set.
/// </summary>
public sealed class Cider
{
    private const double Scale = 10;

    private readonly Dictionary<string, int> _documents = new(StringComparer.Ordinal);
    private readonly double _logPictures;

    /// <summary>Counts in how many pictures' references each run of words occurs.</summary>
    /// <param name="references">Picture by picture its references, tokenised; at least one picture.</param>
    /// <exception cref="ApertureException">There are no references.</exception>
    public Cider(IReadOnlyCollection<IReadOnlyList<string>> references)
    {
        if (references.Count == 0)
        {
            throw new ApertureException("CIDEr weighs words by how rare they are in references, and there are none; give those of one picture at least.");
        }

        foreach (IReadOnlyList<string> picture in references)
        {
            foreach (string run in picture.SelectMany(reference => NGrams.Count(NGrams.Words(reference))).SelectMany(runs => runs.Keys).Distinct())
            {
                _documents[run] = _documents.GetValueOrDefault(run) + 1;
            }
        }

        _logPictures = Math.Log(references.Count);
    }

    /// <summary>Width of the penalty on another length than the reference's, in words (CIDEr-D).</summary>
    public double Sigma { get; init; } = 6;

    /// <summary>
    /// Whether to compute CIDEr-D, which caps the weight of repeated words and lowers the score of captions of another length; it is what MS-COCO's server and
    /// the scorers of the captioning literature report as CIDEr. False is the CIDEr of the paper's first part.
    /// </summary>
    public bool IsRobust { get; init; } = true;

    /// <summary>Scores captions with rarity counted in their own references.</summary>
    /// <param name="items">Captions with their references, tokenised.</param>
    /// <param name="robust">As <see cref="IsRobust"/>.</param>
    /// <exception cref="ApertureException">There is no caption, or one has no reference.</exception>
    public static CaptionScore Score(IReadOnlyList<CaptionedItem> items, bool robust = true)
    {
        CaptionedItem.Check(items);
        return new Cider([.. items.Select(item => item.References)]) { IsRobust = robust }.ScoreAll(items);
    }

    /// <summary>Scores captions with this object's rarity of words.</summary>
    /// <param name="items">Captions with their references, tokenised.</param>
    /// <returns>Each score, usually from 0 to 10, and their mean.</returns>
    /// <exception cref="ApertureException">There is no caption, or one has no reference.</exception>
    public CaptionScore ScoreAll(IReadOnlyList<CaptionedItem> items)
    {
        CaptionedItem.Check(items);
        double[] each = [.. items.Select(ScoreOne)];
        return new CaptionScore(each.Average(), each);
    }

    private double ScoreOne(CaptionedItem item)
    {
        Weighted own = Weigh(item.Caption);
        double[] sums = new double[NGrams.Longest];
        foreach (string reference in item.References)
        {
            Weighted other = Weigh(reference);
            for (int n = 0; n < NGrams.Longest; n++)
            {
                sums[n] += Similarity(own, other, n);
            }
        }

        return sums.Average() / item.References.Count * Scale;
    }

    private double Similarity(Weighted own, Weighted other, int n)
    {
        double product = 0;
        foreach ((string run, double weight) in own.Runs[n])
        {
            double reference = other.Runs[n].GetValueOrDefault(run);
            product += (IsRobust ? Math.Min(weight, reference) : weight) * reference;
        }

        if (own.Norms[n] != 0 && other.Norms[n] != 0)
        {
            product /= own.Norms[n] * other.Norms[n];
        }

        double difference = own.Length - other.Length;
        return IsRobust ? product * Math.Exp(-(difference * difference) / (2 * Sigma * Sigma)) : product;
    }

    private Weighted Weigh(string caption)
    {
        Dictionary<string, int>[] counts = NGrams.Count(NGrams.Words(caption));
        Weighted weighted = new(counts[1].Values.Sum()); // the official scorer takes the number of word pairs for the length
        for (int n = 0; n < NGrams.Longest; n++)
        {
            double squares = 0;
            foreach ((string run, int count) in counts[n])
            {
                double weight = count * (_logPictures - Math.Log(Math.Max(1.0, _documents.GetValueOrDefault(run))));
                weighted.Runs[n][run] = weight;
                squares += weight * weight;
            }

            weighted.Norms[n] = Math.Sqrt(squares);
        }

        return weighted;
    }

    private sealed class Weighted(int length)
    {
        public int Length => length;

        public Dictionary<string, double>[] Runs { get; }
            = [.. Enumerable.Range(0, NGrams.Longest).Select(_ => new Dictionary<string, double>(StringComparer.Ordinal))];

        public double[] Norms { get; } = new double[NGrams.Longest];
    }
}
