using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Aperture.Text;

/// <summary>
/// A regular expression that sees characters outside the basic plane as single characters of their category. The runtime's own expressions
/// see two surrogates there, which puts mathematical letters, rare ideographs and the like into the wrong class.
/// </summary>
internal sealed class ProxyRegex
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(20);

    private readonly Regex _regex;

    public ProxyRegex(string pattern, string source, bool ignoreCase = false)
    {
        try
        {
            _regex = new(pattern, RegexOptions.CultureInvariant | (ignoreCase ? RegexOptions.IgnoreCase : 0), _timeout);
        }
        catch (ArgumentException e)
        {
            throw new ApertureException($"{source}: the regular expression '{pattern}' is not understood ({e.Message.ReplaceLineEndings(" ")}).", e);
        }
    }

    /// <summary>Start and length of every match.</summary>
    public List<(int Start, int Length)> Matches(string text)
    {
        bool hasSurrogates = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') >= 0;
        (string? proxy, int[]? offsets) = hasSurrogates ? Proxy(text) : (text, []);
        List<(int, int)> matches = new();
        try
        {
            for (Match match = _regex.Match(proxy); match.Success; match = match.NextMatch())
            {
                if (match.Length > 0)
                {
                    int start = hasSurrogates ? offsets[match.Index] : match.Index;
                    int end = hasSurrogates ? offsets[match.Index + match.Length] : match.Index + match.Length;
                    matches.Add((start, end - start));
                }
            }
        }
        catch (RegexMatchTimeoutException e)
        {
            throw new ApertureException(
                $"The tokenizer's regular expression '{_regex}' took more than {_timeout.TotalSeconds:0} s on {text.Length} characters; it does not suit "
                + "this text.", e);
        }

        return matches;
    }

    private static (string Proxy, int[] Offsets) Proxy(string text)
    {
        StringBuilder proxy = new(text.Length);
        List<int> offsets = new(text.Length + 1);
        for (int i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out int used);
            proxy.Append(used == 1 ? text[i] : OfCategory(Rune.GetUnicodeCategory(rune)));
            offsets.Add(i);
            i += used;
        }

        offsets.Add(text.Length);
        return (proxy.ToString(), [.. offsets]);
    }

    /// <summary>A character of the basic plane with the category; none of them occurs in the expressions of tokenizers.</summary>
    private static char OfCategory(UnicodeCategory category) => category switch
    {
        UnicodeCategory.UppercaseLetter => '\u0410',
        UnicodeCategory.LowercaseLetter => '\u0430',
        UnicodeCategory.TitlecaseLetter => '\u01C5',
        UnicodeCategory.ModifierLetter => '\u02B0',
        UnicodeCategory.OtherLetter => '\u05D0',
        UnicodeCategory.NonSpacingMark => '\u0300',
        UnicodeCategory.SpacingCombiningMark => '\u0903',
        UnicodeCategory.EnclosingMark => '\u0488',
        UnicodeCategory.DecimalDigitNumber => '\u0660',
        UnicodeCategory.LetterNumber => '\u2160',
        UnicodeCategory.OtherNumber => '\u00B2',
        UnicodeCategory.ConnectorPunctuation => '\u203F',
        UnicodeCategory.DashPunctuation => '\u2010',
        UnicodeCategory.OpenPunctuation => '\u2045',
        UnicodeCategory.ClosePunctuation => '\u2046',
        UnicodeCategory.OtherPunctuation => '\u2030',
        UnicodeCategory.MathSymbol => '\u2200',
        UnicodeCategory.CurrencySymbol => '\u20AC',
        UnicodeCategory.ModifierSymbol => '\u02C2',
        UnicodeCategory.Format => '\u200E',
        UnicodeCategory.PrivateUse => '\uE000',
        UnicodeCategory.OtherNotAssigned => '\uFFFF',
        _ => '\u2600',
    };
}
