using System.Text.RegularExpressions;

namespace Aperture.Text;

/// <summary>
/// Cuts captions into words as the scorers of MS-COCO do: the Penn Treebank's way (Stanford CoreNLP 3.4.1), lower case, and punctuation left out. At each
/// place the longest match of <see cref="PtbRules"/> is the next token, the first rule's where several are as long.
/// </summary>
public static class PtbTokenizer
{
    // Left out after lower-casing, so that brackets, which are written -LRB- and alike, stay as -lrb-. The official scorers do so.
    private static readonly HashSet<string> _leftOut = new(StringComparer.Ordinal)
    {
        "''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";",
    };

    /// <summary>The words of a caption with blanks between.</summary>
    /// <param name="caption">A caption as somebody wrote it; line ends count as blanks.</param>
    public static string Tokenize(string caption) => string.Join(' ', Words(caption));

    /// <summary>The words of a caption.</summary>
    /// <inheritdoc cref="Tokenize"/>
    public static IReadOnlyList<string> Words(string caption)
        => [.. Tokens(caption).Select(token => token.ToLowerInvariant()).Where(token => !_leftOut.Contains(token))];

    /// <summary>All tokens, in their case, punctuation among them.</summary>
    /// <inheritdoc cref="Tokenize"/>
    internal static List<string> Tokens(string caption)
    {
        // The rules look at what follows; the end of a caption is a line's end.
        string text = caption.Replace('\n', ' ') + '\n';
        List<string> tokens = [];
        int at = 0;
        while (at < text.Length)
        {
            if (PlainWord(text, at) is > 0 and int letters)
            {
                tokens.Add(text.Substring(at, letters));
                at += letters;
                continue;
            }

            (PtbRule? rule, int length) = PtbRules.Longest(text, at);
            if (rule?.Write is { } write)
            {
                tokens.Add(write(text.Substring(at, length)));
            }

            at += Math.Max(1, length); // a character that no rule knows is left out
        }

        return tokens;
    }

    /// <summary>Letters of a word between blanks that no rule but the plain one can match; 0 for none. It spares captions most of the rules.</summary>
    private static int PlainWord(string text, int at)
    {
        int end = at;
        while (char.IsAsciiLetter(text[end]))
        {
            end++;
        }

        bool alone = (at == 0 || text[at - 1] == ' ') && text[end] is ' ' or '\n';
        return alone && !PtbRules.IsCut(text.AsSpan(at, end - at)) ? end - at : 0;
    }
}

/// <summary>A rule of the tokenizer.</summary>
/// <param name="Pattern">What it matches from a place on; group 1 is the token, what the pattern matches behind it counts for the length only.</param>
/// <param name="Write">The token as it is written; null for what is no token.</param>
internal sealed record PtbRule(Regex Pattern, Func<string, string>? Write);
