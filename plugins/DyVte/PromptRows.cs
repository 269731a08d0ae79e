using Aperture.Measuring;
using Aperture.Sequences;

namespace Aperture.Plugins.DyVte;

/// <summary>The rows of a sample that matter to a gate. Given answer rows, learned queries and padding belong to none of them.</summary>
/// <param name="Visual">Rows of all images that are left.</param>
/// <param name="Text">Prompt text behind the first image, text between images included.</param>
/// <param name="Prefix">Prompt text before the first image.</param>
internal sealed record PromptRows(int[] Visual, int[] Text, int[] Prefix)
{
    /// <summary>Whether an exit can be decided and carried out: there are visual rows, and the prompt ends in text behind them.</summary>
    public bool CanExit => Visual.Length > 0 && Text.Length > 0 && Text[^1] > Visual[^1];

    /// <summary>The last row of the prompt, such as the colon of <c>ASSISTANT:</c>.</summary>
    public int Last => Text[^1];

    /// <summary>Sorts the rows that a layout has left.</summary>
    public static PromptRows Of(SequenceLayout layout)
    {
        int first = FirstVisual(layout);
        List<int> visual = [], text = [], prefix = [];
        for (int row = 0; row < layout.Count; row++)
        {
            switch (layout.KindOf(row))
            {
                case SpanKind.Image or SpanKind.ImageSeparator:
                    visual.Add(row);
                    break;
                case SpanKind.Text or SpanKind.System:
                    (layout.Original[row] > first ? text : prefix).Add(row);
                    break;
            }
        }

        return new PromptRows([.. visual], [.. text], [.. prefix]);
    }

    /// <summary>All rows but the visual ones.</summary>
    public int[] WithoutVisual(int count)
    {
        HashSet<int> visual = [.. Visual];
        return [.. Enumerable.Range(0, count).Where(row => !visual.Contains(row))];
    }

    /// <summary>Where each visual row stood among the visual rows of the sequence as it entered.</summary>
    public long[] VisualPlaces(SequenceLayout layout)
    {
        long[] placeOf = new long[layout.OriginalCount];
        int row = 0, next = 0;
        foreach (Span span in layout.OriginalSpans)
        {
            bool visual = span.Kind is SpanKind.Image or SpanKind.ImageSeparator;
            for (int i = 0; i < span.Length; i++)
            {
                placeOf[row++] = visual ? next++ : -1;
            }
        }

        return Array.ConvertAll(Visual, visual => placeOf[layout.Original[visual]]);
    }

    // Where the first image began when the sequence entered: its own rows may be gone by now.
    private static int FirstVisual(SequenceLayout layout)
    {
        int start = 0;
        foreach (Span span in layout.OriginalSpans)
        {
            if (span.Length > 0 && span.Kind is SpanKind.Image or SpanKind.ImageSeparator)
            {
                return start;
            }

            start += span.Length;
        }

        return int.MaxValue;
    }
}
