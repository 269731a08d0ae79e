using Aperture.Text;

namespace Aperture.Generation;

/// <summary>Ends a sequence at a keyword, by the rule of <see cref="StopCriteria"/>.</summary>
public sealed class KeywordStop : IStopCriterion
{
    private readonly StopCriteria _criteria;
    private readonly int _longest;

    /// <summary>A criterion for some keywords.</summary>
    /// <param name="keywords">The keywords.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <exception cref="ApertureException">A keyword is empty.</exception>
    public KeywordStop(IReadOnlyList<string> keywords, ITokenizer tokenizer)
    {
        _criteria = new StopCriteria(keywords, tokenizer, promptLength: 0);
        foreach (IReadOnlyList<int> ids in _criteria.KeywordIds)
        {
            _longest = Math.Max(_longest, ids.Count);
        }
    }

    /// <inheritdoc />
    public bool IsMet(ReadOnlySpan<int> tokens)
    {
        // The rule looks at as many ids as the longest keyword has: handing over more would only copy them.
        int count = Math.Min(tokens.Length, _longest);
        return count > 0 && _criteria.ShouldStop(tokens[^count..].ToArray());
    }
}
