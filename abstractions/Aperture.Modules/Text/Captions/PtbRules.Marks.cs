namespace Aperture.Text;

/// <content>Rules for everything that is no word, and how tokens are written.</content>
internal static partial class PtbRules
{
    private const string Symbols = @"[+%&~\^|\\\u00A6\u00A7\u00A8\u00A9\u00AC\u00AE\u00AF\u00B0-\u00BA\u00D7\u00F7\u0387\u2016\u2017\u2020-\u2025\u2030-\u2038"
        + @"\u203B\u203C\u203E-\u2044\u207A-\u207F\u208A-\u208E\u2100-\u214F\u2190-\u2BFF\u3001-\u3006\u3008-\u3020\u30FB\uFF01-\uFF0F\uFF1A-\uFF20"
        + @"\uFF3B-\uFF40\uFF5B-\uFF65]";

    private static IEnumerable<PtbRule> Marks() =>
    [
        Rule(@"([A-Z]*\$|\#)"),
        Rule(@"([\u00A2\u00A3\u00A4\u00A5\u0080\u20A0\u20AA\u20AC\u20B9\u060B\u0E3F\u20A4\uFFE0\uFFE1\uFFE5\uFFE6])", Currency),
        Rule(@"(\u00B0[CF])"),
        Rule(
            @"((?:\([0-9]{2,3}\)[ \u00A0]?|(?:\+\+?)?(?:[0-9]{2,4}[- \u00A0])?[0-9]{2,4}[- \u00A0])[0-9]{3,4}[- \u00A0]?[0-9]{3,5}|"
            + @"(?:(?:\+\+?)?[0-9]{2,4}\.)?[0-9]{2,4}\.[0-9]{3,4}\.[0-9]{3,5})", text => Brackets(text.Replace(' ', '\u00A0'))),
        Rule($"({Double})", _ => "''"),
        Rule("(<|&lt;)", _ => "<"),
        Rule("(>|&gt;)", _ => ">"),
        Rule(@"([<>]?[:;=][-o*']?[()DPdpO\\{@|\[\]])[^\p{L}\p{M}\p{Nd}]", Brackets),
        Rule(
            @"([\^x=~<>]\.\[\^x=~<>\]|[-\^x=~<>']_[-\^x=~<>']|\([-\^x=~<>'][_.]?[-\^x=~<>']\)|\([\^x=~<>']-[\^x=~<>'`]\))", Brackets),
        Rule(@"(\{)", _ => "-LCB-"),
        Rule(@"(\})", _ => "-RCB-"),
        Rule(@"(\[)", _ => "-LSB-"),
        Rule(@"(\])", _ => "-RSB-"),
        Rule(@"(\()", _ => "-LRB-"),
        Rule(@"(\))", _ => "-RRB-"),
        Rule("(-+)", text => text.Length is 3 or 4 ? "--" : text),
        Rule(@"(\.\.\.+|[\u0085\u2026]|\.[ \u00A0](?:\.[ \u00A0])+\.)", _ => "..."),
        Rule(@"(@+|\#+|_+|\*+|(?:\\\*){1,3}|[,;:\u3001]|[?!]+|=+|/)"),
        Rule(@"([.\u00A1\u00BF\u037E\u0589\u061F\u06D4\u0700-\u0702\u07FA\u3002])"),
        Rule($@"({Quotes})", Quoted),
        Rule("(<<|>>)"),
        Rule($"({Symbols})"),
        new PtbRule(new System.Text.RegularExpressions.Regex($@"\G(?:(&nbsp;|{BlankOrEnd}+|[\u200B\u200E\u200F\uFEFF]))"), Write: null),
    ];

    // Typographic quotes and apostrophes as the Treebank's.
    private static string Quoted(string text)
    {
        string single = text.Replace("&apos;", "'", StringComparison.Ordinal);
        System.Text.StringBuilder written = new(single.Length);
        foreach (char mark in single)
        {
            written.Append(mark switch
            {
                '\u0092' or '\u2019' or '\u00B4' or '\u203A' => "'",
                '\u0091' or '\u2018' or '\u201B' or '\u2039' or '\u0082' or '\u201A' => "`",
                '\u0093' or '\u201C' or '\u00AB' or '\u0084' or '\u201E' => "``",
                '\u0094' or '\u201D' or '\u00BB' or '\u201F' => "''",
                '\u00AD' => "",
                _ => mark.ToString(),
            });
        }

        return written.ToString();
    }

    private static string Brackets(string text)
        => text.Replace("(", "-LRB-", StringComparison.Ordinal).Replace(")", "-RRB-", StringComparison.Ordinal);

    private static string Currency(string text) => text switch
    {
        "\u00A2" or "\uFFE0" => "cents",
        "\u00A3" or "\uFFE1" => "#",
        _ => "$",
    };

    private static string Fraction(string text) => text switch
    {
        "\u00BC" => "1/4",
        "\u00BD" => "1/2",
        "\u00BE" => "3/4",
        "\u2153" => "1/3",
        "\u2154" => "2/3",
        _ => text,
    };
}
