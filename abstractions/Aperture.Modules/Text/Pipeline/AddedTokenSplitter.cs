using System.Text;

namespace Aperture.Text;

/// <summary>Cuts a text at added tokens: the leftmost first, the longest of several that start there.</summary>
internal sealed class AddedTokenSplitter
{
    private readonly Dictionary<char, List<(string Content, AddedToken Token)>> _byFirst = [];

    public AddedTokenSplitter(IEnumerable<(string Content, AddedToken Token)> tokens)
    {
        foreach ((string Content, AddedToken Token) entry in tokens.Where(entry => entry.Content.Length > 0))
        {
            if (!_byFirst.TryGetValue(entry.Content[0], out List<(string Content, AddedToken Token)>? list))
            {
                _byFirst[entry.Content[0]] = list = [];
            }

            list.RemoveAll(other => other.Content == entry.Content);
            list.Add(entry);
        }

        foreach (List<(string Content, AddedToken Token)> list in _byFirst.Values)
        {
            list.Sort((a, b) => b.Content.Length.CompareTo(a.Content.Length));
        }
    }

    /// <summary>The text in order: parts of it (token null) and added tokens.</summary>
    public List<(string Text, AddedToken? Token)> Split(string text)
    {
        List<(string, AddedToken?)> parts = new();
        int done = 0;
        for (int i = 0; i < text.Length;)
        {
            if (Find(text, i) is not { } found || (found.Token.SingleWord && TouchesWord(text, i, found.Content.Length)))
            {
                i++;
                continue;
            }

            (int start, int end) = (i, i + found.Content.Length);
            while (found.Token.LStrip && start > done && char.IsWhiteSpace(text[start - 1]))
            {
                start--;
            }

            while (found.Token.RStrip && end < text.Length && char.IsWhiteSpace(text[end]))
            {
                end++;
            }

            if (start > done)
            {
                parts.Add((text[done..start], null));
            }

            parts.Add((text[start..end], found.Token));
            done = i = end;
        }

        if (done < text.Length)
        {
            parts.Add((text[done..], null));
        }

        return parts;
    }

    private static bool TouchesWord(string text, int start, int length)
        => (start > 0 && IsWord(text[start - 1])) || (start + length < text.Length && IsWord(text[start + length]));

    private static bool IsWord(char c) => c == '_' || char.IsLetterOrDigit(c);

    private (string Content, AddedToken Token)? Find(string text, int start)
    {
        if (_byFirst.TryGetValue(text[start], out List<(string Content, AddedToken Token)>? list))
        {
            foreach ((string Content, AddedToken Token) entry in list)
            {
                if (string.CompareOrdinal(text, start, entry.Content, 0, entry.Content.Length) == 0)
                {
                    return entry;
                }
            }
        }

        return null;
    }
}
