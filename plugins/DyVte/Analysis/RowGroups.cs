using Aperture.Measuring;
using Aperture.Sequences;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>The groups that attention flows between: prefix, visual tokens, text behind the image, and of that the last row.</summary>
internal sealed class RowGroups
{
    /// <summary>The pairs of groups, query first; queries never see the groups that follow them.</summary>
    public static IReadOnlyList<string> Pairs { get; } = ["S>S", "V>S", "V>V", "X>S", "X>V", "X>X", "a>S", "a>V", "a>X"];

    public const int Prefix = 0, Visual = 1, Text = 2, Last = 3;

    private readonly int[] _groupOf; // per row of the prompt; -1 for rows in no group

    public RowGroups(SequenceLayout prompt)
    {
        int first = Array.FindIndex([.. Enumerable.Range(0, prompt.Count)], row => IsVisual(prompt, row));
        if (first < 0)
        {
            throw new ApertureException("The prompt has no image, so there is no attention to visual tokens to analyse; ask about a picture.");
        }

        _groupOf = [.. Enumerable.Range(0, prompt.Count).Select(row => IsVisual(prompt, row) ? Visual : row < first ? Prefix : Text)];
        LastOriginal = Array.LastIndexOf(_groupOf, Text);
        if (LastOriginal < 0)
        {
            throw new ApertureException("The prompt has no text behind its image, so nothing can be said of what text reads; ask a question.");
        }
    }

    /// <summary>The last text row of the prompt.</summary>
    public int LastOriginal { get; }

    /// <summary>The group of each row that a layout has left.</summary>
    public int[] Of(SequenceLayout layout) => [.. layout.Original.ToArray().Select(row => _groupOf[row])];

    /// <summary>The rows that are not visual; null where none is.</summary>
    public static int[]? WithoutVisual(SequenceLayout layout)
    {
        int[] rows = [.. Enumerable.Range(0, layout.Count).Where(row => !IsVisual(layout, row))];
        return rows.Length == layout.Count ? null : rows;
    }

    /// <summary>For each pair the number of keys that a query row of it sees, on average.</summary>
    public static double[] VisibleKeys(int[] groups)
    {
        int[] seen = new int[3], rows = new int[4];
        double[] sums = new double[Pairs.Count];
        int last = Array.LastIndexOf(groups, Text);
        for (int row = 0; row < groups.Length; row++)
        {
            int group = groups[row];
            seen[group]++;
            Add(group);
            if (row == last)
            {
                Add(Last);
            }

            void Add(int query)
            {
                rows[query]++;
                for (int pair = 0; pair < sums.Length; pair++)
                {
                    if (QueryOf(pair) == query)
                    {
                        sums[pair] += seen[KeyOf(pair)];
                    }
                }
            }
        }

        return [.. sums.Select((sum, pair) => rows[QueryOf(pair)] == 0 ? 0 : sum / rows[QueryOf(pair)])];
    }

    /// <summary>The query group of a pair.</summary>
    public static int QueryOf(int pair) => pair switch { 0 => Prefix, < 3 => Visual, < 6 => Text, _ => Last };

    /// <summary>The key group of a pair.</summary>
    public static int KeyOf(int pair) => pair switch { 0 => 0, < 3 => pair - 1, _ => (pair - 3) % 3 };

    private static bool IsVisual(SequenceLayout layout, int row) => layout.KindOf(row) is SpanKind.Image or SpanKind.ImageSeparator;
}
