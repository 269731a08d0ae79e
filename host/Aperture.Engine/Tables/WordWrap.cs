using System.Text;

namespace Aperture.Tables;

/// <summary>
/// Breaks text between words. Chinese and Japanese are written without spaces, so that there every character begins a word, except closing marks.
/// </summary>
internal static class WordWrap
{
    private const string ClosingMarks = "、。，．・：；？！）」』】〕〉》〙〗”’ゝゞーァィゥェォッャュョヮヵヶぁぃぅぇぉっゃゅょゎ々〻";
    private const string OpeningMarks = "（「『【〔〈《〘〖“‘";

    /// <summary>The text's lines, each as wide as its words let it be. A word that is wider than a line has one for itself.</summary>
    /// <param name="text">Text, perhaps of several lines.</param>
    /// <param name="width">Columns of a line.</param>
    public static IReadOnlyList<string> Lines(string text, int width)
        => [.. Clean(text).Split('\n').SelectMany(line => TextWidth.Of(line) <= width ? [line.TrimEnd()] : Wrapped(line, width))];

    /// <summary>The columns of the longest line.</summary>
    /// <param name="text">Text, perhaps of several lines.</param>
    public static int LongestLine(string text) => Clean(text).Split('\n').Max(TextWidth.Of);

    /// <summary>The columns of the longest word.</summary>
    /// <param name="text">Text, perhaps of several lines.</param>
    public static int LongestWord(string text) => Clean(text).Split('\n').SelectMany(Words).Select(word => TextWidth.Of(word.Text)).DefaultIfEmpty(0).Max();

    /// <summary>What a model answers or a file holds must not move the cursor: control characters show as their pictures.</summary>
    /// <param name="text">Text, perhaps of several lines.</param>
    public static string Clean(string text)
    {
        string lines = text.ReplaceLineEndings("\n").Replace("\t", "    ", StringComparison.Ordinal);
        return !lines.Any(c => char.IsControl(c) && c != '\n') ? lines
            : string.Concat(lines.Select(c => c == '\n' || !char.IsControl(c) ? c : c < ' ' ? (char)('\u2400' + c) : '\ufffd'));
    }

    private static IEnumerable<string> Wrapped(string line, int width)
    {
        StringBuilder row = new();
        int columns = 0;
        foreach ((string text, string before) in Words(line))
        {
            int needed = TextWidth.Of(text);
            if (columns > 0 && columns + before.Length + needed > width)
            {
                yield return row.ToString();
                row.Clear();
                columns = 0;
            }
            else
            {
                row.Append(before);
                columns += before.Length;
            }

            row.Append(text);
            columns += needed;
        }

        yield return row.ToString();
    }

    // Words, each with the spaces before it.
    private static IEnumerable<(string Text, string Before)> Words(string line)
    {
        StringBuilder word = new(), spaces = new();
        Rune last = default;
        foreach (Rune rune in line.EnumerateRunes())
        {
            bool isSpace = rune.Value == ' ';
            if (word.Length > 0 && (isSpace || MayBreak(last, rune)))
            {
                yield return (word.ToString(), spaces.ToString());
                word.Clear();
                spaces.Clear();
            }

            (isSpace ? spaces : word).Append(rune.ToString());
            last = rune;
        }

        if (word.Length > 0)
        {
            yield return (word.ToString(), spaces.ToString());
        }
    }

    private static bool MayBreak(Rune before, Rune after)
        => (IsUnspaced(before) || IsUnspaced(after))
            && TextWidth.Of(after) > 0
            && !ClosingMarks.Contains(after.ToString(), StringComparison.Ordinal)
            && !OpeningMarks.Contains(before.ToString(), StringComparison.Ordinal)
            && (Rune.IsLetterOrDigit(before) || IsUnspaced(before))
            && (Rune.IsLetterOrDigit(after) || IsUnspaced(after));

    // Kana, ideographs and their marks; Korean has spaces.
    private static bool IsUnspaced(Rune rune)
        => rune.Value is >= 0x3001 and <= 0x30ff or >= 0x3400 and <= 0x4dbf or >= 0x4e00 and <= 0x9fff or >= 0xf900 and <= 0xfaff or >= 0xff01 and <= 0xff5e
            or >= 0x20000 and <= 0x3ffff;
}
