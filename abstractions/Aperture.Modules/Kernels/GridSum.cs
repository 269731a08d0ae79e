using System.Numerics;
using System.Runtime.InteropServices;

namespace Aperture.Kernels;

/// <summary>What each query adds for a row and for a column of a grid, spread over the grid's places: one write of each value.</summary>
internal static unsafe class GridSum
{
    private const int QueriesAtOnce = 64;

    /// <summary><c>target[q, front + y W + x] = byRow[q, y] + byColumn[q, x]</c>, and 0 in the columns in front.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="byRow"><c>[queries, rows]</c>.</param>
    /// <param name="byColumn"><c>[queries, columns]</c>.</param>
    /// <param name="target"><c>[queries, front + rows columns]</c>.</param>
    /// <param name="queries">Number of queries.</param>
    /// <param name="grid">Rows and columns.</param>
    /// <param name="front">Columns in front.</param>
    public static void Run(WorkerTeam team, float* byRow, float* byColumn, float* target, int queries, (int Rows, int Columns) grid, int front)
        => team.Run((queries + QueriesAtOnce - 1) / QueriesAtOnce, chunk =>
        {
            long width = front + ((long)grid.Rows * grid.Columns);
            int last = Math.Min(queries, (chunk + 1) * QueriesAtOnce);
            for (int query = chunk * QueriesAtOnce; query < last; query++)
            {
                float* to = target + (query * width);
                new Span<float>(to, front).Clear();
                to += front;
                ReadOnlySpan<float> columns = new(byColumn + ((long)query * grid.Columns), grid.Columns);
                for (int row = 0; row < grid.Rows; row++, to += grid.Columns)
                {
                    Add(columns, byRow[((long)query * grid.Rows) + row], new Span<float>(to, grid.Columns));
                }
            }
        });

    private static void Add(ReadOnlySpan<float> columns, float row, Span<float> to)
    {
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(columns);
        Span<Vector<float>> targets = MemoryMarshal.Cast<float, Vector<float>>(to);
        Vector<float> spread = new(row);
        for (int i = 0; i < vectors.Length; i++)
        {
            targets[i] = vectors[i] + spread;
        }

        for (int i = vectors.Length * Vector<float>.Count; i < columns.Length; i++)
        {
            to[i] = columns[i] + row;
        }
    }
}
