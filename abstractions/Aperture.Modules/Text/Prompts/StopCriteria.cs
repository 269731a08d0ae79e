namespace Aperture.Text;

/// <summary>
/// Stops generation at keywords as LLaVA's KeywordsStoppingCriteria does: when the last ids are those of a keyword, or when the text of the last few new
/// ids holds one.
/// </summary>
public sealed class StopCriteria
{
    private readonly ITokenizer _tokenizer;
    private readonly string[] _keywords;
    private readonly int[][] _keywordIds;
    private readonly int _promptLength;
    private readonly int _window;

    /// <summary>Prepares the keywords.</summary>
    /// <param name="keywords">What ends the answer; empty ones are an error.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="promptLength">How many ids of what <see cref="ShouldStop"/> gets are prompt.</param>
    /// <exception cref="ApertureException">A keyword is empty.</exception>
    public StopCriteria(IReadOnlyList<string> keywords, ITokenizer tokenizer, int promptLength)
    {
        if (keywords.Any(string.IsNullOrEmpty))
        {
            throw new ApertureException("A stop string is empty, which would end every answer at once; leave it out.");
        }

        _tokenizer = tokenizer;
        _keywords = [.. keywords];
        _promptLength = promptLength;
        _keywordIds = Array.ConvertAll(_keywords, keyword =>
        {
            int[] ids = tokenizer.Encode(keyword);
            return ids.Length > 1 && ids[0] == tokenizer.BeginId ? ids[1..] : ids;
        });
        _window = _keywordIds.Select(ids => ids.Length).DefaultIfEmpty(0).Max();
    }

    /// <summary>The ids of the keywords, without the begin token.</summary>
    public IReadOnlyList<IReadOnlyList<int>> KeywordIds => _keywordIds;

    /// <summary>Whether generation ends here.</summary>
    /// <param name="ids">Prompt and all new ids so far.</param>
    public bool ShouldStop(IReadOnlyList<int> ids)
    {
        if (_keywords.Length == 0)
        {
            return false;
        }

        if (_keywordIds.Any(keyword => keyword.Length <= ids.Count && keyword.SequenceEqual(ids.Skip(ids.Count - keyword.Length))))
        {
            return true;
        }

        int count = Math.Min(ids.Count - _promptLength, _window);

        // Without a new id the official slice [-0:] is everything.
        List<int> tail = count <= 0 ? [.. ids] : ids.Skip(ids.Count - count).ToList();
        string text = _tokenizer.Decode(tail.Where(id => id >= 0).ToList());
        return _keywords.Any(keyword => text.Contains(keyword, StringComparison.Ordinal));
    }

    /// <summary>Takes blanks and one keyword off the end of an answer, as the official run scripts do before they show it.</summary>
    /// <param name="text">The decoded answer.</param>
    public string Trim(string text)
    {
        text = text.Trim();
        foreach (string keyword in _keywords)
        {
            if (text.EndsWith(keyword, StringComparison.Ordinal))
            {
                text = text[..^keyword.Length];
            }
        }

        return text.Trim();
    }
}
