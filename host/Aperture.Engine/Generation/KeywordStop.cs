namespace Aperture.Generation;

/// <summary>
/// Ends a sequence at a keyword, as the original LLaVA code does: the last ids are the keyword's own, or the text of the last ids, as many as the longest keyword has, contains it.
/// </summary>
public sealed class KeywordStop : IStopCriterion
{
    private readonly string[] _keywords;
    private readonly int[][] _ids;
    private readonly int _longest;
    private readonly Func<int[], string> _decode;

    /// <summary>A criterion for some keywords.</summary>
    /// <param name="keywords">The keywords.</param>
    /// <param name="encode">Ids of a text, without a begin-of-sequence token.</param>
    /// <param name="decode">Text of ids, special tokens left out.</param>
    public KeywordStop(IEnumerable<string> keywords, Func<string, int[]> encode, Func<int[], string> decode)
    {
        _keywords = [.. keywords];
        _ids = [.. _keywords.Select(encode)];
        _longest = _ids.Select(ids => ids.Length).DefaultIfEmpty(0).Max();
        _decode = decode;
    }

    /// <inheritdoc />
    public bool IsMet(ReadOnlySpan<int> tokens)
    {
        foreach (int[] ids in _ids)
        {
            if (ids.Length > 0 && tokens.EndsWith(ids))
            {
                return true;
            }
        }

        if (_longest == 0)
        {
            return false;
        }

        string text = _decode(tokens[^Math.Min(tokens.Length, _longest)..].ToArray());
        return Array.Exists(_keywords, keyword => text.Contains(keyword, StringComparison.Ordinal));
    }
}
