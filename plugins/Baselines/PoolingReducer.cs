using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Plugins.Baselines;

/// <summary>
/// Averages an image's tokens over the cells of the largest grid of about the same shape that the budget allows. Every place belongs to exactly one cell; a
/// cell's token lists its places as sources and carries the one nearest to the cell's middle. Cells without tokens give none. Separators at the end of grid
/// rows stand at the end of the smaller grid's rows. Other rows without a place, such as a class token, go on as they are.
/// </summary>
internal sealed class PoolingReducer(PoolingOptions options) : ITokenReducer
{
    public string Name => PoolingFactory.MethodName;

    public bool KeepsPrefixes => true; // a picture's tokens follow from the picture

    public void Declare(IReducerSites sites) => sites.BeforeDecoder((_, tokens) => Reduce(tokens));

    public void Dispose()
    {
    }

    internal VisualTokens Reduce(VisualTokens tokens)
    {
        int count = tokens.Count, budget = TokenBudget.Of(count, options.Reduction, options.Keep, options.Tokens);
        if (budget >= count)
        {
            return tokens;
        }

        using (tokens)
        {
            List<VisualSegment> segments = [];
            List<int[]> members = [];
            int first = 0, spent = 0;
            foreach (VisualSegment segment in tokens.Segments)
            {
                // Each segment gets the share of the budget that it has of the tokens; what rounding leaves goes to the next. With fewer tokens than
                // segments some get none.
                int share = (int)Math.Round((double)budget * (first + segment.Rows) / count, MidpointRounding.AwayFromZero) - spent;
                int[][] own = Members(segment, share);
                if (own.Length > 0)
                {
                    segments.Add(Pooled(segment, own));
                }

                members.AddRange(own.Select(cell => Array.ConvertAll(cell, row => first + row)));
                first += segment.Rows;
                spent += share;
            }

            return new VisualTokens(Average(tokens.Rows, [.. members]), segments);
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

    // Rows without a place go on as they are, but for separators; the others by cells.
    private static int[][] Members(VisualSegment segment, int budget)
    {
        int[] places = segment.WrittenPlaces, unplaced = [.. Enumerable.Range(0, places.Length).Where(row => places[row] < 0)];
        if (unplaced.Length == places.Length || budget <= 0)
        {
            return [.. unplaced.Select(row => new[] { row })];
        }

        HashSet<int> separators = [.. segment.Separators];
        int[] single = [.. unplaced.Where(row => !separators.Contains(row))];
        VisualGrid grid = segment.Grid, small = SmallGrid(grid, budget - single.Length, separators.Count);
        int columns = small.Columns + 1; // the cells of a row, and the one of its separators
        List<int>[] cells = [.. Enumerable.Range(0, small.Rows * columns).Select(_ => new List<int>())];
        int last = 0;
        for (int row = 0; row < places.Length; row++)
        {
            if (places[row] >= 0)
            {
                last = places[row] / grid.Columns * small.Rows / grid.Rows;
                cells[(last * columns) + (places[row] % grid.Columns * small.Columns / grid.Columns)].Add(row);
            }
            else if (separators.Contains(row))
            {
                cells[(last * columns) + small.Columns].Add(row);
            }
        }

        return [.. single.Select(row => new[] { row }), .. cells.Where(cell => cell.Count > 0).Select(cell => cell.ToArray())];
    }

    // Where rows of the grid end with separators, so do those of the smaller one, which count among the budget.
    private static VisualGrid SmallGrid(VisualGrid grid, int budget, int separators)
    {
        if (separators <= 1)
        {
            return SmallerGrid(grid, Math.Max(budget - separators, 1));
        }

        VisualGrid wider = SmallerGrid(grid with { Columns = grid.Columns + 1 }, Math.Max(budget, 2));
        return wider.Columns > 1 ? wider with { Columns = wider.Columns - 1 } : new VisualGrid(Math.Max(wider.Rows / 2, 1), 1);
    }

    private static VisualSegment Pooled(VisualSegment segment, int[][] members)
    {
        int[] places = segment.WrittenPlaces;
        HashSet<int> separators = [.. segment.Separators];
        return segment with
        {
            Rows = members.Length,
            Places = [.. members.Select(cell => Representative(places, segment.Grid.Columns, cell))],
            Sources = [.. members.Select(cell => cell.SelectMany(row => segment.Sources?[row] ?? [places[row]]).Where(place => place >= 0).Order().ToArray())],
            Separators = [.. Enumerable.Range(0, members.Length).Where(cell => separators.Contains(members[cell][0]))],
        };
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

    private static int Representative(int[] places, int columns, int[] members)
    {
        if (columns == 0)
        {
            return places[members[0]];
        }

        double row = members.Average(member => places[member] / columns);
        double column = members.Average(member => places[member] % columns);
        return members
            .Select(member => places[member])
            .MinBy(place => Math.Pow((place / columns) - row, 2) + Math.Pow((place % columns) - column, 2));
    }
}
