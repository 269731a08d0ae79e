using Aperture.Sequences;

namespace Aperture.Plugins.FlashSloth.Embq;

/// <summary>The learned queries of one question, in current rows of a sample.</summary>
/// <param name="First">The first query row.</param>
/// <param name="Count">How many there are.</param>
/// <param name="Question">The first row of the question; at most <paramref name="End"/>.</param>
/// <param name="End">One past its last row.</param>
/// <param name="Image">The picture that the queries look at.</param>
internal readonly record struct QueryGroup(int First, int Count, int Question, int End, int Image)
{
    private const long NoLabel = -100;
    private const int BehindAnswer = 3; // the end token, the user's role and its colon

    /// <summary>Words of the question.</summary>
    public int Words => Math.Max(0, End - Question);

    /// <summary>The groups of a sample, in order.</summary>
    /// <param name="layout">Its rows.</param>
    /// <param name="rule">Which rows are a question.</param>
    /// <param name="labels">Training's labels, one a row; null outside training.</param>
    public static List<QueryGroup> Of(SequenceLayout layout, QuestionRange rule, ReadOnlySpan<long> labels)
    {
        List<QueryGroup> groups = [];
        int[] starts = Starts(layout);
        for (int span = 0; span < layout.OriginalSpans.Count; span++)
        {
            Span own = layout.OriginalSpans[span];
            int first = starts[span], count = starts[span + 1] - first;
            if (own.Kind == SpanKind.LearnedQuery && count > 0)
            {
                // The packer lets the span before the queries be the question.
                int question = own.Image < 0 && span > 0 && layout.OriginalSpans[span - 1].Kind == SpanKind.Text ? starts[span - 1] : first;
                groups.Add(new QueryGroup(first, count, question, first, Math.Max(own.Image, 0)));
            }
        }

        return groups.Count == 0 ? groups
            : !labels.IsEmpty ? Trained(layout, groups, labels)
            : rule == QuestionRange.FirstTurn
                ? [.. groups.Select(group => group with { Question = BehindFirstPicture(layout, groups[0].First), End = groups[0].First })]
            : groups;
    }

    /// <summary>
    /// The groups of a sample whose queries stand behind the picture (LLaVA): the question is the text behind them, up to the answer that is learned.
    /// </summary>
    /// <param name="layout">Its rows.</param>
    /// <param name="labels">Training's labels, one a row; null outside training.</param>
    public static List<QueryGroup> BehindPicture(SequenceLayout layout, ReadOnlySpan<long> labels)
    {
        List<QueryGroup> groups = Of(layout, QuestionRange.PerTurn, default);
        for (int i = 0; i < groups.Count; i++)
        {
            int begin = groups[i].First + groups[i].Count, end = begin;
            while (end < layout.Count && layout.KindOf(end) == SpanKind.Text && (labels.IsEmpty || labels[end] == NoLabel))
            {
                end++;
            }

            groups[i] = groups[i] with { Question = begin, End = end };
        }

        return groups;
    }

    // The official training code: the first question begins one row behind the picture (a line break stands there), every later one three rows from the end of
    // an answer; the last one serves the groups that are left.
    private static List<QueryGroup> Trained(SequenceLayout layout, List<QueryGroup> groups, ReadOnlySpan<long> labels)
    {
        List<int> begins = [BehindFirstPicture(layout, groups[0].First)];
        for (int row = 0; row + 1 < layout.Count && begins.Count < groups.Count; row++)
        {
            if (labels[row] != NoLabel && labels[row + 1] == NoLabel)
            {
                begins.Add(row + BehindAnswer);
            }
        }

        List<QueryGroup> asked = [];
        for (int i = 0; i < groups.Count; i++)
        {
            int question = Math.Min(i, begins.Count - 1);
            asked.Add(groups[i] with { Question = begins[question], End = groups[question].First });
        }

        return asked;
    }

    // One row behind the first picture; without one, the official constant makes no difference, because nothing is seen.
    private static int BehindFirstPicture(SequenceLayout layout, int queries)
    {
        int row = 0;
        while (row < queries && layout.KindOf(row) is not (SpanKind.Image or SpanKind.ImageSeparator))
        {
            row++;
        }

        while (row < queries && layout.KindOf(row) is SpanKind.Image or SpanKind.ImageSeparator)
        {
            row++;
        }

        return Math.Min(row + 1, queries);
    }

    // The current row where each span begins, and one past the last.
    private static int[] Starts(SequenceLayout layout)
    {
        int[] starts = new int[layout.OriginalSpans.Count + 1];
        int row = 0, original = 0;
        for (int span = 0; span < layout.OriginalSpans.Count; span++)
        {
            starts[span] = row;
            original += layout.OriginalSpans[span].Length;
            while (row < layout.Count && layout.Original[row] < original)
            {
                row++;
            }
        }

        starts[^1] = row;
        return starts;
    }
}
