namespace Aperture.Sequences;

/// <summary>
/// Which rows of one sequence are system prompt, image, question, generated answer; and where each row stood when the sequence entered the decoder.
/// Immutable: dropping rows gives the next layout. A row knows its original index, its position id and, if visual, its grid place for ever.
/// </summary>
public sealed class SequenceLayout
{
    private readonly Span[] _origins;
    private readonly int[] _spanOf; // per original row: index into _origins
    private readonly int[] _firstOf; // per span: its first original row
    private readonly int[] _original; // per current row
    private readonly int[] _positions; // per current row
    private readonly int[][]? _further; // per axis behind the first, per current row; null for positions of one axis

    private SequenceLayout(Span[] origins, int[] spanOf, int[] firstOf, int[] original, int[] positions, int[][]? further)
    {
        _origins = origins;
        _spanOf = spanOf;
        _firstOf = firstOf;
        _original = original;
        _positions = positions;
        _further = further;
        HasPrivate = Array.Exists(origins, span => span.Private);
    }

    /// <summary>Number of rows.</summary>
    public int Count => _original.Length;

    /// <summary>Number of rows the sequence had before anything was dropped.</summary>
    public int OriginalCount => _spanOf.Length;

    /// <summary>The index each row had in the sequence as it entered the decoder, ascending.</summary>
    public ReadOnlySpan<int> Original => _original;

    /// <summary>The position id of each row, as the model family gave it: on the first axis where there are several. Dropping rows never renumbers.</summary>
    public ReadOnlySpan<int> Positions => _positions;

    /// <summary>Position ids of a row: one, or three where a model family numbers time, row and column (Qwen2-VL).</summary>
    public int PositionAxes => 1 + (_further?.Length ?? 0);

    /// <summary>The position id of the row that would follow: one more than the largest on any axis; 0 for an empty sequence.</summary>
    public int NextPosition
    {
        get
        {
            int largest = -1;
            for (int axis = 0; axis < PositionAxes; axis++)
            {
                foreach (int position in PositionsOf(axis))
                {
                    largest = Math.Max(largest, position);
                }
            }

            return largest + 1;
        }
    }

    /// <summary>The spans as they entered the decoder.</summary>
    public IReadOnlyList<Span> OriginalSpans => _origins;

    /// <summary>Whether any span that entered the decoder is private.</summary>
    public bool HasPrivate { get; }

    /// <summary>Number of visual rows that are left, separators included.</summary>
    public int VisualCount => Rows(SpanKind.Image).Length + Rows(SpanKind.ImageSeparator).Length;

    /// <summary>A layout from its spans, in order.</summary>
    /// <param name="spans">The spans; lengths may be zero.</param>
    /// <param name="positions">One position id a row; null means 0, 1, 2, ….</param>
    /// <exception cref="ArgumentException">The number of positions is not the number of rows, or a span's places do not fit its length or grid.</exception>
    public static SequenceLayout Create(IReadOnlyList<Span> spans, ReadOnlySpan<int> positions = default)
    {
        Span[] origins = [.. spans];
        int total = origins.Sum(s => s.Length);
        int[] spanOf = new int[total];
        int[] firstOf = new int[origins.Length];
        int next = 0;
        for (int s = 0; s < origins.Length; s++)
        {
            Span span = origins[s];
            if (span.Places is { } places && places.Length != span.Length)
            {
                throw new ArgumentException($"A span of {span.Length} rows cannot have {places.Length} places.", nameof(spans));
            }

            firstOf[s] = next;
            Array.Fill(spanOf, s, next, span.Length);
            next += span.Length;
        }

        if (!positions.IsEmpty && positions.Length != total)
        {
            throw new ArgumentException($"{total} rows need {total} positions, not {positions.Length}.", nameof(positions));
        }

        int[] original = [.. Enumerable.Range(0, total)];
        return new SequenceLayout(origins, spanOf, firstOf, original, positions.IsEmpty ? original : positions.ToArray(), null);
    }

    /// <summary>A layout whose rows have position ids on several axes.</summary>
    /// <param name="spans">The spans, in order; lengths may be zero.</param>
    /// <param name="positions">Position ids <c>[axes][rows]</c>, at least one axis.</param>
    /// <exception cref="ArgumentException">
    /// There is no axis, the number of positions is not the number of rows, or a span's places do not fit its length or grid.
    /// </exception>
    public static SequenceLayout Create(IReadOnlyList<Span> spans, int[][] positions) => Create(spans).WithPositions(positions);

    /// <summary>The layout after only these rows go on.</summary>
    /// <param name="rows">Current row indices, strictly ascending.</param>
    /// <exception cref="ArgumentException">An index is out of range or the order is not ascending.</exception>
    public SequenceLayout Keep(ReadOnlySpan<int> rows)
    {
        int[] original = new int[rows.Length];
        int[] positions = new int[rows.Length];
        int last = -1;
        for (int i = 0; i < rows.Length; i++)
        {
            if (rows[i] <= last || rows[i] >= Count)
            {
                throw new ArgumentException($"Kept rows must ascend within 0..{Count - 1}; row {rows[i]} follows {last}.", nameof(rows));
            }

            last = rows[i];
            original[i] = _original[last];
            positions[i] = _positions[last];
        }

        return new SequenceLayout(_origins, _spanOf, _firstOf, original, positions, _further is null ? null : Gather(_further, rows));
    }

    /// <summary>The position id of each row on an axis.</summary>
    /// <param name="axis">The axis, from 0. Positions of one axis stand for equal ids on every axis, as text has them.</param>
    public ReadOnlySpan<int> PositionsOf(int axis) => axis == 0 || _further is null ? _positions : _further[axis - 1];

    /// <summary>The same rows with other position ids, as a router's subset may have.</summary>
    /// <param name="positions">One position id a row.</param>
    /// <exception cref="ArgumentException">The number of positions is not the number of rows.</exception>
    public SequenceLayout WithPositions(ReadOnlySpan<int> positions)
        => new(_origins, _spanOf, _firstOf, _original, Checked(positions.ToArray()), null);

    /// <summary>The same rows with other position ids on any number of axes.</summary>
    /// <param name="positions">Position ids <c>[axes][rows]</c>, at least one axis.</param>
    /// <exception cref="ArgumentException">There is no axis, or the number of positions is not the number of rows.</exception>
    public SequenceLayout WithPositions(int[][] positions)
    {
        if (positions.Length == 0)
        {
            throw new ArgumentException("Rows need positions on at least one axis.", nameof(positions));
        }

        int[][] own = [.. positions.Select(axis => Checked([.. axis]))];
        return new SequenceLayout(_origins, _spanOf, _firstOf, _original, own[0], own.Length == 1 ? null : own[1..]);
    }

    /// <summary>What a row stands for.</summary>
    /// <param name="row">Current row index.</param>
    public SpanKind KindOf(int row)
    {
        int original = _original[row], index = _spanOf[original];
        Span span = _origins[index];
        return span.Separators.Length > 0 && Array.BinarySearch(span.Separators, original - _firstOf[index]) >= 0 ? SpanKind.ImageSeparator : span.Kind;
    }

    /// <summary>The image a row belongs to, or -1.</summary>
    /// <param name="row">Current row index.</param>
    public int ImageOf(int row) => SpanOf(row).Image;

    /// <summary>The span, as it entered the decoder, that a row comes from.</summary>
    /// <param name="row">Current row index.</param>
    public Span SpanOf(int row) => _origins[_spanOf[_original[row]]];

    /// <summary>The index that a row had in its span as it entered the decoder.</summary>
    /// <param name="row">Current row index.</param>
    public int IndexInSpan(int row) => _original[row] - _firstOf[_spanOf[_original[row]]];

    /// <summary>The place of a visual row in its image's (or tile's) original grid; -1 for rows that have none.</summary>
    /// <param name="row">Current row index.</param>
    public int PlaceOf(int row)
    {
        int original = _original[row];
        int index = _spanOf[original];
        Span span = _origins[index];
        if (span.Kind != SpanKind.Image)
        {
            return -1;
        }

        int offset = original - _firstOf[index];
        return span.Places is { } places ? places[offset] : offset;
    }

    /// <summary>The rows of one kind, ascending.</summary>
    /// <param name="kind">The kind.</param>
    public int[] Rows(SpanKind kind)
    {
        List<int> rows = [];
        for (int row = 0; row < Count; row++)
        {
            if (KindOf(row) == kind)
            {
                rows.Add(row);
            }
        }

        return [.. rows];
    }

    /// <summary>The private rows, ascending.</summary>
    public int[] PrivateRows() => HasPrivate ? [.. Enumerable.Range(0, Count).Where(row => SpanOf(row).Private)] : [];

    /// <summary>The visual rows (images and separators), ascending.</summary>
    public int[] VisualRows() => [.. Enumerable.Range(0, Count).Where(row => IsVisual(KindOf(row)))];

    /// <summary>The rows that are not visual and stand after the first visual row, padding excluded: newline, question, role name.</summary>
    public int[] TextRowsAfterImage()
    {
        int first = Array.FindIndex([.. Enumerable.Range(0, Count)], row => IsVisual(KindOf(row)));
        return first < 0
            ? []
            : [.. Enumerable.Range(first, Count - first).Where(row => KindOf(row) is var kind && !IsVisual(kind) && kind != SpanKind.Pad)];
    }

    private static int[][] Gather(int[][] axes, ReadOnlySpan<int> rows)
    {
        int[][] gathered = new int[axes.Length][];
        for (int axis = 0; axis < axes.Length; axis++)
        {
            gathered[axis] = new int[rows.Length];
            for (int i = 0; i < rows.Length; i++)
            {
                gathered[axis][i] = axes[axis][rows[i]];
            }
        }

        return gathered;
    }

    private int[] Checked(int[] positions)
        => positions.Length == Count ? positions : throw new ArgumentException(
            $"{Count} rows need {Count} positions, not {positions.Length}.", nameof(positions));

    private static bool IsVisual(SpanKind kind) => kind is SpanKind.Image or SpanKind.ImageSeparator;
}
