namespace Aperture.Text;

/// <summary>All scores of a set of captions, as the captioning literature reports them.</summary>
/// <param name="Bleu">BLEU-1 to BLEU-4, each from 0 to 1.</param>
/// <param name="RougeL">ROUGE-L, from 0 to 1.</param>
/// <param name="CiderD">CIDEr-D, usually from 0 to 10; papers report it as CIDEr, in percent.</param>
/// <param name="Cider">CIDEr without the measures against captions made for the score.</param>
public sealed record CaptionScores(IReadOnlyList<CaptionScore> Bleu, CaptionScore RougeL, CaptionScore CiderD, CaptionScore Cider)
{
    /// <summary>METEOR, from 0 to 1; null where its data are not at hand.</summary>
    public CaptionScore? Meteor { get; init; }

    /// <summary>Scores captions.</summary>
    /// <param name="items">Captions with their references, tokenised.</param>
    /// <param name="rarity">How rare words are; null to count it in the references of the captions, as the official scorers do in evaluation.</param>
    /// <exception cref="ApertureException">There is no caption, or one has no reference.</exception>
    public static CaptionScores Of(IReadOnlyList<CaptionedItem> items, IReadOnlyCollection<IReadOnlyList<string>>? rarity = null)
    {
        CaptionedItem.Check(items);
        IReadOnlyCollection<IReadOnlyList<string>> counted = rarity ?? [.. items.Select(item => item.References)];
        return new CaptionScores(
            Text.Bleu.Score(items), Text.RougeL.Score(items), new Cider(counted).ScoreAll(items), new Cider(counted) { IsRobust = false }.ScoreAll(items));
    }

    /// <summary>The scores of the set by name, in the order of the literature.</summary>
    public IEnumerable<(string Name, CaptionScore Score)> Named =>
    [
        .. Bleu.Select((score, n) => ($"BLEU-{n + 1}", score)),
        .. Meteor is { } meteor ? [("METEOR", meteor)] : Array.Empty<(string, CaptionScore)>(),
        ("ROUGE-L", RougeL),
        ("CIDEr-D", CiderD),
        ("CIDEr", Cider),
    ];
}
