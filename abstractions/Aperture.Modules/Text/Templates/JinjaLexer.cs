using System.Text;

namespace Aperture.Text;

/// <summary>What a piece of a template is.</summary>
internal enum JinjaKind
{
    /// <summary>Text that stands in the result as it is.</summary>
    Text,

    /// <summary>The words of <c>{{ … }}</c>.</summary>
    Output,

    /// <summary>The words of <c>{% … %}</c>.</summary>
    Statement,
}

/// <summary>A piece of a template.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its text.</param>
/// <param name="Words">Its words; a text literal begins with a quotation mark.</param>
internal sealed record JinjaPiece(JinjaKind Kind, string Text, IReadOnlyList<string> Words);

/// <summary>Cuts a template into pieces, with the blanks around statements as chat templates are read (trim_blocks, lstrip_blocks).</summary>
internal static class JinjaLexer
{
    private static readonly string[] _pairs = ["==", "!=", "<=", ">=", "//", "**"];

    public static List<JinjaPiece> Pieces(string template)
    {
        string source = template.ReplaceLineEndings("\n");
        source = source.EndsWith('\n') ? source[..^1] : source;
        List<JinjaPiece> pieces = [];
        for (int at = 0; at < source.Length;)
        {
            int open = NextTag(source, at);
            string text = open < 0 ? source[at..] : Before(source, at, open);
            if (text.Length > 0)
            {
                pieces.Add(new JinjaPiece(JinjaKind.Text, text, []));
            }

            if (open < 0)
            {
                break;
            }

            char kind = source[open + 1];
            int close = Close(source, open, kind);
            string inside = source[(open + 2)..close].TrimStart('-', '+');
            bool strips = inside.EndsWith('-');
            inside = strips ? inside[..^1] : inside;
            if (kind != '#')
            {
                pieces.Add(new JinjaPiece(kind == '{' ? JinjaKind.Output : JinjaKind.Statement, "", Words(inside)));
            }

            at = close + 2;
            if (strips)
            {
                while (at < source.Length && char.IsWhiteSpace(source[at]))
                {
                    at++;
                }
            }
            else if (kind != '{' && at < source.Length && source[at] == '\n')
            {
                at++; // trim_blocks
            }
        }

        return pieces;
    }

    private static int NextTag(string source, int from)
    {
        for (int open = source.IndexOf('{', from); open >= 0 && open + 1 < source.Length; open = source.IndexOf('{', open + 1))
        {
            if (source[open + 1] is '{' or '%' or '#')
            {
                return open;
            }
        }

        return -1;
    }

    // The text before a tag, without the blanks that the tag swallows.
    private static string Before(string source, int start, int open)
    {
        char mark = open + 2 < source.Length ? source[open + 2] : ' ';
        string text = source[start..open];
        if (mark == '-')
        {
            return text.TrimEnd();
        }

        string stripped = text.TrimEnd(' ', '\t');
        int line = start + stripped.Length;
        bool isLineStart = line == 0 || source[line - 1] == '\n';
        return source[open + 1] != '{' && mark != '+' && isLineStart ? stripped : text; // lstrip_blocks
    }

    private static int Close(string source, int open, char kind)
    {
        string end = kind == '{' ? "}}" : kind == '%' ? "%}" : "#}";
        char quote = '\0';
        for (int i = open + 2; i + 1 < source.Length; i++)
        {
            if (quote != '\0')
            {
                bool isEscape = source[i] == '\\';
                quote = source[i] == quote ? '\0' : quote;
                i += isEscape ? 1 : 0;
            }
            else if (kind != '#' && source[i] is '\'' or '"')
            {
                quote = source[i];
            }
            else if (string.CompareOrdinal(source, i, end, 0, 2) == 0)
            {
                return i;
            }
        }

        throw new JinjaException($"a '{source.AsSpan(open, 2)}' that is not closed");
    }

    private static List<string> Words(string code)
    {
        List<string> words = [];
        for (int i = 0; i < code.Length;)
        {
            char c = code[i];
            int start = i;
            if (char.IsWhiteSpace(c))
            {
                i++;
            }
            else if (c is '\'' or '"')
            {
                words.Add('"' + Literal(code, ref i));
            }
            else if (char.IsAsciiLetterOrDigit(c) || c == '_')
            {
                bool isNumber = char.IsAsciiDigit(c);
                while (i < code.Length && (char.IsAsciiLetterOrDigit(code[i]) || code[i] == '_' || (isNumber && IsPoint(code, i))))
                {
                    i++;
                }

                words.Add(code[start..i]);
            }
            else
            {
                string pair = i + 1 < code.Length ? code.Substring(i, 2) : "";
                words.Add(_pairs.Contains(pair) ? pair : c.ToString());
                i += words[^1].Length;
            }
        }

        return words;
    }

    private static bool IsPoint(string code, int at) => code[at] == '.' && at + 1 < code.Length && char.IsAsciiDigit(code[at + 1]);

    private static string Literal(string code, ref int at)
    {
        char quote = code[at++];
        StringBuilder text = new();
        for (; at < code.Length && code[at] != quote; at++)
        {
            if (code[at] != '\\' || at + 1 == code.Length)
            {
                text.Append(code[at]);
                continue;
            }

            text.Append(code[++at] switch { 'n' => "\n", 't' => "\t", 'r' => "\r", '\\' => "\\", '\'' => "'", '"' => "\"", var other => "\\" + other });
        }

        at++;
        return text.ToString();
    }
}
