using System.Text.RegularExpressions;

namespace Aperture.Tables;

/// <summary>The columns of a table in a width: how wide each is, and which hold numbers.</summary>
internal sealed partial class TableColumns
{
    /// <summary>Spaces between columns.</summary>
    public const int Gap = 2;

    // A column of text is not made narrower than this for the sake of the others.
    private const int Readable = 12;

    private TableColumns(int[] widths, bool[] numeric) => (Widths, Numeric) = (widths, numeric);

    /// <summary>Width of each column.</summary>
    public IReadOnlyList<int> Widths { get; }

    /// <summary>Whether a column holds numbers, which stand at the right and are not broken.</summary>
    public IReadOnlyList<bool> Numeric { get; }

    /// <summary>The columns, or null where not even broken text fits.</summary>
    /// <param name="heads">Column heads.</param>
    /// <param name="rows">Cells.</param>
    /// <param name="width">The width.</param>
    public static TableColumns? Fit(IReadOnlyList<string> heads, IReadOnlyList<IReadOnlyList<string>> rows, int width)
    {
        int room = width - (Gap * (heads.Count - 1));
        bool[] numeric = [.. heads.Select((_, column) => AreNumbers(rows.Select(row => row[column])))];
        int[] longest = [.. heads.Select((_, column) => rows.Select(row => WordWrap.LongestLine(row[column])).DefaultIfEmpty(0).Max())];
        int[] whole = [.. heads.Select((head, column) => Math.Max(WordWrap.LongestLine(head), longest[column]))];
        int[] least =
        [
            .. heads.Select((head, column) => Math.Max(
                WordWrap.LongestWord(head),
                numeric[column] ? longest[column]
                    : Math.Max(Math.Min(longest[column], Readable), rows.Select(row => WordWrap.LongestWord(row[column])).DefaultIfEmpty(0).Max()))),
        ];
        if (least.Sum() > room)
        {
            return null;
        }

        // The widest columns give up columns first.
        int most = whole.Max();
        int[] widths = Capped(most);
        while (widths.Sum() > room)
        {
            widths = Capped(--most);
        }

        return new TableColumns(widths, numeric);

        int[] Capped(int cap) => [.. whole.Select((wanted, column) => Math.Max(least[column], Math.Min(wanted, cap)))];
    }

    private static bool AreNumbers(IEnumerable<string> cells)
    {
        string[] filled = [.. cells.Where(cell => cell is not ("" or "–"))];
        return filled.Length > 0 && filled.All(cell => Number().IsMatch(cell));
    }

    [GeneratedRegex(@"^[-+−]?\d[\d,.]*(e[-+]?\d+)?( ?(%|[KMGT]?i?B|m?s|GFLOPs))?( ± \d[\d.]*( ?%)?)?$", RegexOptions.IgnoreCase)]
    private static partial Regex Number();
}
