using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace Aperture.Text;

/// <summary>
/// The default repairs of the ftfy package that change what a person typed: HTML entities, C1 controls, ligatures, full-width characters, curly quotes,
/// line ends, terminal escapes, control characters, NFC. The repair of wrongly decoded text (its fix_encoding) is not part of it.
/// </summary>
internal static partial class TextRepair
{
    private static readonly string[] _windows1252 =
    [
        "\u20AC", "\u0081", "\u201A", "\u0192", "\u201E", "\u2026", "\u2020", "\u2021", "\u02C6", "\u2030", "\u0160", "\u2039", "\u0152", "\u008D", "\u017D",
        "\u008F",
        "\u0090", "\u2018", "\u2019", "\u201C", "\u201D", "\u2022", "\u2013", "\u2014", "\u02DC", "\u2122", "\u0161", "\u203A", "\u0153", "\u009D", "\u017E",
        "\u0178",
    ];

    public static string Apply(string text)
    {
        StringBuilder result = new(text.Length);
        bool unescape = true;
        for (int start = 0; start < text.Length;)
        {
            int end = text.IndexOf('\n', start) + 1;
            end = end == 0 ? text.Length : end;
            string line = text[start..end];
            unescape &= !line.Contains('<');
            result.Append(Line(line, unescape));
            start = end;
        }

        return result.ToString();
    }

    private static string Line(string line, bool unescape)
    {
        for (int round = 0; round < 16; round++)
        {
            string before = line;
            if (unescape)
            {
                line = Entity().Replace(line, match => Unescape(match.Value));
            }

            line = Escape().Replace(Characters(line), "");
            line = UnicodeText.Nfc(WithoutControls(line));
            if (line == before)
            {
                break;
            }
        }

        return line;
    }

    private static string Unescape(string entity)
    {
        string text = WebUtility.HtmlDecode(entity);
        return text.Contains(';') ? entity : text;
    }

    private static string Characters(string line)
    {
        StringBuilder result = new(line.Length);
        for (int i = 0; i < line.Length; i++)
        {
            char c = line[i];
            switch (c)
            {
                case >= '\u0080' and <= '\u009F':
                    result.Append(_windows1252[c - 0x80]);
                    break;
                case '\u3000':
                    result.Append(' ');
                    break;
                case >= '\uFF01' and <= '\uFFEF':
                    result.Append(UnicodeText.Nfkc(c.ToString()));
                    break;
                case >= '\uFB00' and <= '\uFB06' or '\u0132' or '\u0133' or '\u0149' or (>= '\u01C4' and <= '\u01CC') or (>= '\u01F1' and <= '\u01F3'):
                    result.Append(Ligature(c));
                    break;
                case '\u02BC' or (>= '\u2018' and <= '\u201B'):
                    result.Append('\'');
                    break;
                case >= '\u201C' and <= '\u201F':
                    result.Append('"');
                    break;
                case '\r' when i + 1 < line.Length && line[i + 1] == '\n':
                    break;
                case '\r' or '\u2028' or '\u2029':
                    result.Append('\n');
                    break;
                default:
                    result.Append(c);
                    break;
            }
        }

        // The order of the original: quotes are uncurled after C1 controls were read as Windows-1252.
        return result.Replace('\u2018', '\'').Replace('\u2019', '\'').Replace('\u201C', '"').Replace('\u201D', '"').ToString();
    }

    private static string Ligature(char c) => c switch
    {
        '\uFB05' => "\u017Ft",
        '\u01C4' => "D\u017D",
        '\u01C5' => "D\u017E",
        '\u01C6' => "d\u017E",
        _ => UnicodeText.Nfkc(c.ToString()),
    };

    private static string WithoutControls(string line)
    {
        StringBuilder result = new(line.Length);
        foreach (char c in line)
        {
            if (c is (>= '\u0000' and <= '\u0008') or '\u000B' or (>= '\u000E' and <= '\u001F') or '\u007F' or (>= '\u206A' and <= '\u206F') or '\uFEFF'
                or (>= '\uFFF9' and <= '\uFFFC'))
            {
                continue;
            }

            result.Append(c);
        }

        return result.ToString();
    }

    [GeneratedRegex("&#?[0-9A-Za-z]{1,24};", RegexOptions.CultureInvariant)]
    private static partial Regex Entity();

    [GeneratedRegex("\u001B\\[((?:[0-9]|;)*)([a-zA-Z])", RegexOptions.CultureInvariant)]
    private static partial Regex Escape();
}
