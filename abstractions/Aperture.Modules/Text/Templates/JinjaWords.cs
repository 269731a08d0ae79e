namespace Aperture.Text;

/// <summary>The words of one tag, read from left to right. Values are read and computed by recursion, so their number and their brackets are bounded.</summary>
internal sealed class JinjaWords
{
    private const int MostWords = 4000, DeepestBrackets = 50;

    private readonly IReadOnlyList<string> _words;
    private int _next;

    /// <summary>The words of a tag.</summary>
    /// <exception cref="JinjaException">They are more than a template ever has, or nested deeper.</exception>
    public JinjaWords(IReadOnlyList<string> words)
    {
        _words = words;
        int depth = 0;
        foreach (string word in words)
        {
            depth += word is "(" or "[" or "{" ? 1 : word is ")" or "]" or "}" ? -1 : 0;
            if (depth > DeepestBrackets)
            {
                throw new JinjaException($"brackets {depth} deep");
            }
        }

        if (words.Count > MostWords)
        {
            throw new JinjaException($"a tag of {words.Count} words");
        }
    }

    /// <summary>A word that is not yet read; null behind the last.</summary>
    public string? Peek(int ahead = 0) => _next + ahead < _words.Count ? _words[_next + ahead] : null;

    /// <summary>Reads a word.</summary>
    public string Next() => _next < _words.Count ? _words[_next++] : throw new JinjaException("a tag that ends too early");

    /// <summary>Reads a word if it is the one.</summary>
    public bool Take(string word)
    {
        bool isNext = Peek() == word;
        _next += isNext ? 1 : 0;
        return isNext;
    }

    /// <summary>Reads a word that must be the one.</summary>
    public void Expect(string word)
    {
        if (!Take(word))
        {
            throw new JinjaException($"'{Peek() ?? "the end"}' where '{word}' stands");
        }
    }

    /// <summary>Refuses further words.</summary>
    public void RequireEnd()
    {
        if (Peek() is { } word)
        {
            throw new JinjaException($"'{word}' behind a value");
        }
    }
}
