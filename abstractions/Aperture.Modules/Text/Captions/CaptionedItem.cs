namespace Aperture.Text;

/// <summary>A caption to score and the sentences that people wrote of the same picture. Both are tokenised: words with blanks between, in lower case.</summary>
/// <param name="Id">The picture's id, for messages and tables.</param>
/// <param name="Caption">The caption; may be empty.</param>
/// <param name="References">The sentences, at least one.</param>
public sealed record CaptionedItem(string Id, string Caption, IReadOnlyList<string> References)
{
    /// <summary>Refuses an empty set and items without references.</summary>
    /// <param name="items">The items.</param>
    /// <exception cref="ApertureException">There is none, or one has no reference.</exception>
    internal static void Check(IReadOnlyList<CaptionedItem> items)
    {
        if (items.Count == 0)
        {
            throw new ApertureException("There is no caption to score; give at least one with its references.");
        }

        if (items.FirstOrDefault(item => item.References.Count == 0) is { } bare)
        {
            throw new ApertureException($"Picture '{bare.Id}' has no reference; give at least one sentence for each caption.");
        }
    }
}

/// <summary>A score of a set of captions and those of each of them.</summary>
/// <param name="Total">The score of the set.</param>
/// <param name="Each">The scores of the captions, in their order.</param>
public sealed record CaptionScore(double Total, IReadOnlyList<double> Each);
