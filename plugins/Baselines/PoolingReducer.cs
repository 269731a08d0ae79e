using Aperture.Decoding;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Plugins.Baselines;

/// <summary>
/// Averages an image's tokens over the cells of the largest grid of about the same shape that the budget allows. Every place belongs to exactly one cell; a cell's token
/// lists its places as sources and carries the one nearest to the cell's middle. Cells without tokens give none. Rows without a place, such as a class token, go on as they are.
/// </summary>
internal sealed class PoolingReducer(PoolingOptions options) : ITokenReducer
{
    public string Name => PoolingFactory.MethodName;

    public void Declare(IReducerSites sites) => sites.BeforeDecoder(Reduce);

    public void Dispose()
    {
    }

    internal VisualTokens Reduce(VisualTokens tokens)
    {
        int count = tokens.Places.Length;
        int budget = TokenBudget.Of(count, options.Reduction, options.Keep, options.Tokens);
        if (budget >= count)
        {
            return tokens;
        }

        int[] unplaced = [.. Enumerable.Range(0, count).Where(t => tokens.Places[t] < 0)];
        VisualGrid small = SmallerGrid(tokens.Grid, Math.Max(budget - unplaced.Length, 1));
        int[][] members = [.. unplaced.Select(t => new[] { t }), .. Cells(tokens, small).Where(c => c.Count > 0).Select(c => c.ToArray())];
        using (tokens)
        {
            return new VisualTokens(Average(tokens.Rows, members), tokens.Grid, [.. members.Select(m => Representative(tokens, m))])
            {
                Sources = [.. members.Select(m => m.SelectMany(t => tokens.Sources?[t] ?? [tokens.Places[t]]).Where(place => place >= 0).Order().ToArray())],
            };
        }
    }

    /// <summary>The largest grid within the budget that shrinks both sides alike, give or take one row or column.</summary>
    internal static VisualGrid SmallerGrid(VisualGrid grid, int budget)
    {
        double scale = Math.Sqrt(budget / (double)grid.Count);
        int rows = Math.Clamp((int)Math.Floor((grid.Rows * scale) + 1e-9), 1, Math.Min(grid.Rows, budget));
        int columns = Math.Clamp((int)Math.Floor((grid.Columns * scale) + 1e-9), 1, Math.Min(grid.Columns, budget / rows));
        VisualGrid best = new(rows, columns);
        foreach (VisualGrid next in new[] { new VisualGrid(rows + 1, columns), new VisualGrid(rows, columns + 1) })
        {
            if (next.Rows <= grid.Rows && next.Columns <= grid.Columns && next.Count <= budget && next.Count > best.Count)
            {
                best = next;
            }
        }

        return best;
    }

    private static List<int>[] Cells(VisualTokens tokens, VisualGrid small)
    {
        List<int>[] cells = [.. Enumerable.Range(0, small.Count).Select(_ => new List<int>())];
        VisualGrid grid = tokens.Grid;
        for (int t = 0; t < tokens.Places.Length; t++)
        {
            if (tokens.Places[t] < 0)
            {
                continue;
            }

            int row = tokens.Places[t] / grid.Columns * small.Rows / grid.Rows;
            int column = tokens.Places[t] % grid.Columns * small.Columns / grid.Columns;
            cells[(row * small.Columns) + column].Add(t);
        }

        return cells;
    }

    private static Tensor Average(Tensor rows, int[][] members)
    {
        int count = (int)rows.size(0);
        float[] weights = new float[members.Length * count];
        for (int cell = 0; cell < members.Length; cell++)
        {
            foreach (int token in members[cell])
            {
                weights[(cell * count) + token] = 1f / members[cell].Length;
            }
        }

        using Tensor matrix = tensor(weights, [members.Length, count], device: rows.device); // [cells, tokens]
        using Tensor wide = rows.to(ScalarType.Float32);
        using Tensor means = matrix.mm(wide); // [cells, tokens] x [tokens, d] -> [cells, d]
        return means.to(rows.dtype, copy: true);
    }

    private static int Representative(VisualTokens tokens, int[] members)
    {
        int columns = tokens.Grid.Columns;
        double row = members.Average(t => tokens.Places[t] / columns);
        double column = members.Average(t => tokens.Places[t] % columns);
        return members
            .Select(t => tokens.Places[t])
            .MinBy(place => Math.Pow((place / columns) - row, 2) + Math.Pow((place % columns) - column, 2));
    }
}
