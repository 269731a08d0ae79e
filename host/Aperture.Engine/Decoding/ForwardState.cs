using Aperture.Models;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// The rows of a forward on their way through the layers: packed sample after sample, with their layouts, positions and rotary tables. Rows dropped here are
/// gone for later layers.
/// </summary>
public sealed class ForwardState : IDisposable
{
    private readonly RotaryTable _table;
    private readonly List<Tensor> _labels = []; // those of rows that are left; forks may read the ones before a drop
    private SequenceLayout[] _layouts;

    private ForwardState(RequestContext request, DecoderPhase phase, SequenceLayout[] layouts, RotaryTable table, KvCache? cache)
    {
        Request = request;
        Phase = phase;
        _layouts = layouts;
        _table = table;
        Cache = cache;
        Offsets = new int[layouts.Length + 1];
        Refresh();
        Rotary = Detached(BuildRotary());
    }

    /// <summary>The request.</summary>
    public RequestContext Request { get; }

    /// <summary>The phase.</summary>
    public DecoderPhase Phase { get; }

    /// <summary>The cache that keys and values go to; null for a forward that stores none.</summary>
    public KvCache? Cache { get; }

    /// <summary>First packed row of each sample, and the total.</summary>
    public int[] Offsets { get; }

    /// <summary>All rows.</summary>
    public int Rows => Offsets[^1];

    /// <summary>Whether all samples have the same number of rows.</summary>
    public bool IsRectangle { get; private set; }

    /// <summary>Whether any sample may have private rows.</summary>
    public bool HasPrivate { get; private set; }

    /// <summary>The rows of a sample.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    public SequenceLayout Layout(int sample) => _layouts[sample];

    /// <summary>Samples.</summary>
    public int Samples => _layouts.Length;

    /// <summary>How padding rows attend.</summary>
    public PaddingRule Padding { get; set; }

    internal RotaryRows Rotary { get; private set; }

    /// <summary>After a drop: which packed rows of the state before it are left; null when none went since it was cleared.</summary>
    internal int[]? Kept { get; set; }

    /// <summary>
    /// Which rows each row sees, for training on several independent questions behind one picture: boolean <c>[samples * kv heads, 1, rows, rows]</c>, true
    /// where visible, borrowed. Only for samples of equal length without a cache, hooks or a window. Null for plain causal attention.
    /// </summary>
    internal Tensor? Visible { get; set; }

    /// <summary>Training labels, int64 <c>[rows]</c>; null outside training.</summary>
    internal Tensor? Labels { get; set; }

    internal static ForwardState Begin(RequestContext request, DecoderPhase phase, SequenceLayout[] layouts, RotaryTable table, KvCache? cache)
        => new(request, phase, layouts, table, cache);

    /// <summary>The same rows for a run of its own, without a cache; rows dropped in one are not dropped in the other.</summary>
    public ForwardState Fork() => new(Request, Phase, [.. _layouts], _table, cache: null) { Labels = Labels, Padding = Padding };

    /// <summary>A state of some of the rows, for the inside of one layer.</summary>
    internal ForwardState Subset(SequenceLayout[] layouts) => new(Request, Phase, layouts, _table, Cache) { Padding = Padding };

    /// <summary>The packed rows that attend to each other: all but private ones and, where it is left out, padding. Null where that is all rows.</summary>
    internal int[]? AttendingRows()
    {
        if (Padding == PaddingRule.Ordinary && !HasPrivate)
        {
            return null;
        }

        int[] attending = Packed(AttendingRows);
        return attending.Length == Rows ? null : attending;
    }

    /// <summary>The rows of a sample that attend to each other.</summary>
    internal int[] AttendingRows(int sample)
    {
        SequenceLayout layout = _layouts[sample];
        return
        [
            .. Enumerable.Range(0, layout.Count).Where(
                row => !layout.SpanOf(row).Private && (Padding == PaddingRule.Ordinary || layout.KindOf(row) != SpanKind.Pad)),
        ];
    }

    /// <summary>The packed rows that are private.</summary>
    internal int[] PrivateRows() => HasPrivate ? Packed(sample => _layouts[sample].PrivateRows()) : [];

    /// <summary>Drops rows.</summary>
    /// <param name="selection">The rows that go on, one entry a sample.</param>
    /// <returns>Packed indices of the rows that go on.</returns>
    internal int[] Keep(RowSelection selection)
    {
        if (selection.Samples != Samples)
        {
            throw new ArgumentException($"A selection for {selection.Samples} samples cannot be applied to {Samples}.", nameof(selection));
        }

        List<int> kept = new(Rows);
        for (int sample = 0; sample < Samples; sample++)
        {
            int offset = Offsets[sample];
            if (selection[sample] is { } rows)
            {
                _layouts[sample] = _layouts[sample].Keep(rows);
                kept.AddRange(rows.Select(row => offset + row));
            }
            else
            {
                kept.AddRange(Enumerable.Range(offset, Offsets[sample + 1] - offset));
            }
        }

        int[] indices = [.. kept];
        Refresh();
        RotaryRows old = Rotary;
        using (Tensor index = tensor(indices, dtype: ScalarType.Int64, device: old.Cos.device))
        {
            Rotary = Detached(old.Select(index));
            old.Dispose();
            if (Labels is { } labels)
            {
                Labels = labels.index_select(0, index).DetachFromDisposeScope(); // [rows] -> [kept]
                _labels.Add(Labels);
            }
        }

        Kept = Kept is null ? indices : [.. indices.Select(i => Kept[i])];
        return indices;
    }

    /// <summary>Disposes the rotary rows and the labels of rows that were left.</summary>
    public void Dispose()
    {
        Rotary.Dispose();
        _labels.ForEach(labels => labels.Dispose());
    }

    // A forward goes on after a scope that its caller had open around a part of it.
    private static RotaryRows Detached(RotaryRows rows)
    {
        rows.Cos.DetachFromDisposeScope();
        rows.Sin.DetachFromDisposeScope();
        return rows;
    }

    private int[] Packed(Func<int, int[]> rowsOf)
        => [.. Enumerable.Range(0, Samples).SelectMany(sample => rowsOf(sample).Select(row => Offsets[sample] + row))];

    private void Refresh()
    {
        IsRectangle = true;
        HasPrivate = false;
        for (int sample = 0; sample < _layouts.Length; sample++)
        {
            Offsets[sample + 1] = Offsets[sample] + _layouts[sample].Count;
            IsRectangle &= _layouts[sample].Count == _layouts[0].Count;
            HasPrivate |= _layouts[sample].HasPrivate;
        }
    }

    private RotaryRows BuildRotary()
    {
        int axes = 1;
        foreach (SequenceLayout layout in _layouts)
        {
            axes = Math.Max(axes, layout.PositionAxes);
        }

        if (axes > 1)
        {
            return _table.Rows([.. Enumerable.Range(0, axes).Select(PackedPositions)]);
        }

        int longest = 0;
        for (int sample = 0; sample < _layouts.Length; sample++)
        {
            longest = Math.Max(longest, Request.NextPosition(sample));
        }

        int[] positions = PackedPositions(0);
        foreach (int position in positions)
        {
            longest = Math.Max(longest, position + 1);
        }

        return _table.Rows(positions, longest);
    }

    private int[] PackedPositions(int axis)
    {
        int[] positions = new int[Rows];
        for (int sample = 0; sample < _layouts.Length; sample++)
        {
            _layouts[sample].PositionsOf(axis).CopyTo(positions.AsSpan(Offsets[sample]));
        }

        return positions;
    }
}
