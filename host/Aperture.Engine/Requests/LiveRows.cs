using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>
/// The rows that a live conversation's cache was computed from, to find out how far it serves the next turn: keys and values of a row depend on what stands at
/// it and before it and on position ids alone, so two conversations share them up to the first row that differs. Owns its tensor.
/// </summary>
/// <param name="axes">Position ids of a row.</param>
internal sealed class LiveRows(int axes) : IDisposable
{
    private readonly List<int>[] _positions = [.. Enumerable.Range(0, axes).Select(_ => new List<int>())];
    private Tensor? _rows; // [rows, d]

    /// <summary>How many there are.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of the rows.</summary>
    public long Bytes => _rows is null ? 0 : _rows.NumberOfElements * _rows.ElementSize;

    /// <summary>The first rows of a packed prompt.</summary>
    /// <param name="prompt">The prompt; borrowed.</param>
    /// <param name="rows">How many.</param>
    /// <param name="axes">Position ids of a row.</param>
    public static LiveRows Of(PackedPrompt prompt, int rows, int axes)
    {
        LiveRows own = new(axes);
        using Tensor first = prompt.Rows.narrow(0, 0, rows); // [prompt, d] -> [rows, d]
        own.Add(first, rows, axis => prompt.Layout.PositionsOf(axis)[..rows].ToArray());
        return own;
    }

    /// <summary>How many leading rows of a packed conversation are these.</summary>
    /// <param name="prompt">The conversation; borrowed.</param>
    public int Common(PackedPrompt prompt)
    {
        int most = Math.Min(Count, prompt.Layout.Count), common = 0;
        if (most == 0)
        {
            return 0;
        }

        using Tensor mine = _rows!.narrow(0, 0, most), other = prompt.Rows.narrow(0, 0, most), equal = mine.eq(other); // [most, d]
        using Tensor rows = equal.all(1), host = rows.cpu(); // [most, d] -> [most]
        bool[] same = host.data<bool>().ToArray();
        while (common < most && same[common] && SamePosition(prompt.Layout, common))
        {
            common++;
        }

        return common;
    }

    /// <summary>Keeps the first rows.</summary>
    public void Truncate(int rows)
    {
        if (rows >= Count)
        {
            return;
        }

        using Tensor old = _rows!;
        using Tensor kept = old.narrow(0, 0, rows);
        _rows = kept.clone().DetachFromDisposeScope();
        Array.ForEach(_positions, axis => axis.RemoveRange(rows, axis.Count - rows));
        Count = rows;
    }

    /// <summary>Adds the rows of a packed conversation that are not there yet.</summary>
    /// <param name="prompt">The conversation, whose first rows are these; borrowed.</param>
    public void Add(PackedPrompt prompt)
    {
        int from = Count;
        using Tensor fresh = prompt.Rows.narrow(0, from, prompt.Layout.Count - from);
        Add(fresh, prompt.Layout.Count - from, axis => prompt.Layout.PositionsOf(axis)[from..].ToArray());
    }

    /// <summary>Adds the rows of generated tokens.</summary>
    /// <param name="decoder">Whose embeddings.</param>
    /// <param name="tokens">The tokens.</param>
    /// <param name="next">The position id of the first.</param>
    public void Add(Decoder decoder, int[] tokens, int next)
    {
        if (tokens.Length > 0)
        {
            using Tensor fresh = decoder.Embed(tokens); // [tokens] -> [tokens, d]
            Add(fresh, tokens.Length, _ => [.. Enumerable.Range(next, tokens.Length)]);
        }
    }

    /// <summary>Disposes the rows.</summary>
    public void Dispose() => _rows?.Dispose();

    private void Add(Tensor fresh, int count, Func<int, int[]> positions)
    {
        Tensor? old = _rows;
        _rows = (old is null ? fresh.clone() : cat([old, fresh], 0)).DetachFromDisposeScope(); // [rows, d], [count, d] -> [rows + count, d]
        old?.Dispose();
        Count += count;
        for (int axis = 0; axis < _positions.Length; axis++)
        {
            _positions[axis].AddRange(positions(axis));
        }
    }

    private bool SamePosition(SequenceLayout layout, int row)
    {
        for (int axis = 0; axis < _positions.Length; axis++)
        {
            if (_positions[axis][row] != layout.PositionsOf(axis)[row])
            {
                return false;
            }
        }

        return true;
    }
}
