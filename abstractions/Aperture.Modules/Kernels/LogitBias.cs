using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Aperture.Kernels;

/// <summary>What is added to attention's logits: a number for each key, or for each row and each column of a grid whose places the last keys are.</summary>
internal readonly unsafe struct LogitBias
{
    private const int Lanes = 16, MostOnStack = 1024; // floats

    private readonly HeadRows _rows, _columns;
    private readonly (int Rows, int Columns) _grid; // no rows: a number for each key
    private readonly int _front;

    /// <summary>A number for each key.</summary>
    /// <param name="all">As queries, of as many elements as there are keys.</param>
    public LogitBias(HeadRows all) => _rows = all;

    /// <summary>What a query adds for the row and for the column of a key, such as decomposed relative positions.</summary>
    /// <param name="byRow">As queries, of as many elements as the grid has rows.</param>
    /// <param name="byColumn">The same for columns.</param>
    /// <param name="grid">The grid.</param>
    /// <param name="front">Keys in front of the grid's, to which nothing is added.</param>
    public LogitBias(HeadRows byRow, HeadRows byColumn, (int Rows, int Columns) grid, int front)
        => (_rows, _columns, _grid, _front) = (byRow, byColumn, grid, front);

    /// <summary>Adds to a query's logits.</summary>
    /// <param name="head">Its head.</param>
    /// <param name="row">Its row.</param>
    /// <param name="logits">One for each key. Of a grid 15 numbers behind them are touched, not changed.</param>
    /// <param name="count">Number of keys.</param>
    public void AddTo(int head, int row, float* logits, int count)
    {
        if (_grid.Rows == 0)
        {
            _rows.AddTo(head, row, logits, count);
            return;
        }

        int padded = (_grid.Columns + Lanes - 1) / Lanes * Lanes, length = padded + _grid.Rows;
        Span<float> memory = length <= MostOnStack ? stackalloc float[length] : new float[length];
        fixed (float* columns = memory)
        {
            memory.Clear();
            _columns.Read(head, row, columns, _grid.Columns);
            _rows.Read(head, row, columns + padded, _grid.Rows);
            Spread(columns, columns + padded, logits + _front);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Spread(float* columns, float* rows, float* logits)
    {
        int width = _grid.Columns, whole = width / Lanes * Lanes;
        Vector512<float> last = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(width - whole)).AsSingle();
        for (int row = 0; row < _grid.Rows; row++, logits += width)
        {
            Vector512<float> added = Vector512.Create(rows[row]);
            int at = 0;
            for (; at < whole; at += Lanes)
            {
                (Vector512.Load(logits + at) + (Vector512.Load(columns + at) + added)).Store(logits + at);
            }

            if (at < width)
            {
                (Vector512.Load(logits + at) + (Vector512.Load(columns + at) + (added & last))).Store(logits + at);
            }
        }
    }
}
