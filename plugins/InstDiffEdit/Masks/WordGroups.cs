namespace Aperture.Plugins.InstDiffEdit.Masks;

/// <summary>Which tokens of a sentence make its words: one group of token numbers for each image, the opening token first and the closing one last.</summary>
/// <param name="Groups">Token numbers of each image.</param>
/// <param name="Matched">Whether every word was found; else each token is an image of its own.</param>
internal sealed record WordGroups(IReadOnlyList<int[]> Groups, bool Matched)
{
    /// <summary>Groups the tokens of a sentence by its words.</summary>
    /// <param name="tokens">The text of each token, without blanks; first and last the ends.</param>
    /// <param name="prompt">The sentence; words are what lies between single blanks.</param>
    public static WordGroups Of(IReadOnlyList<string> tokens, string prompt)
    {
        string[] words = prompt.Split(' ');
        List<int[]> each = [.. Enumerable.Range(0, tokens.Count).Select(token => new[] { token })];
        if (tokens.Count <= words.Length + 2)
        {
            return new WordGroups(each, true);
        }

        List<int[]> groups = [each[0]];
        List<int> pending = [];
        string text = "";
        int word = 0;
        for (int token = 1; token < tokens.Count - 1; token++)
        {
            if (word == words.Length)
            {
                return new WordGroups(each, false); // tokens are left over
            }

            // A token that is the word stands for it, whatever is pending; pieces are gathered until they are the word but for capitals.
            if (tokens[token] == words[word])
            {
                groups.Add([token]);
                word++;
                continue;
            }

            text += tokens[token];
            pending.Add(token);
            if (string.Equals(text.ToLowerInvariant(), words[word].ToLowerInvariant(), StringComparison.Ordinal))
            {
                groups.Add([.. pending]);
                (text, word) = ("", word + 1);
                pending.Clear();
            }
        }

        groups.Add(each[^1]);
        return word == words.Length ? new WordGroups(groups, true) : new WordGroups(each, false);
    }
}
