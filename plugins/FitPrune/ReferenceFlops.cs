namespace Aperture.Plugins.FitPrune;

/// <summary>
/// Multiply-accumulates as the paper counts them: per layer the projections before the cut on all tokens, the square attention, the output projection and the
/// gated feed-forward network on the tokens that are left; grouped key/value heads are not considered unless their width is given. Twice that many FLOPs.
/// </summary>
internal static class ReferenceFlops
{
    /// <summary>One layer that <paramref name="entering"/> tokens enter and <paramref name="leaving"/> leave.</summary>
    public static long Layer(long entering, long leaving, long hidden, long intermediate, long? keyValueWidth = null)
        => checked(BeforeCut(entering, hidden, keyValueWidth) + AfterCut(leaving, hidden, intermediate));

    /// <summary>A layer's part before the cut.</summary>
    public static long BeforeCut(long tokens, long hidden, long? keyValueWidth = null)
        => checked((tokens * hidden * (hidden + (2 * (keyValueWidth ?? hidden)))) + (2 * tokens * tokens * hidden));

    /// <summary>A layer's part after the cut.</summary>
    public static long AfterCut(long tokens, long hidden, long intermediate)
        => checked((tokens * hidden * hidden) + (3 * tokens * hidden * intermediate));

    /// <summary>What is left to do if nothing more is deleted, seen from within layer <paramref name="layer"/> after its attention.</summary>
    public static long Rest(long tokens, int layer, int layers, long hidden, long intermediate)
        => checked(AfterCut(tokens, hidden, intermediate) + ((layers - 1 - layer) * Layer(tokens, tokens, hidden, intermediate)));

    /// <summary>All layers without any deletion.</summary>
    public static long Unpruned(long tokens, int layers, long hidden, long intermediate)
        => checked(layers * Layer(tokens, tokens, hidden, intermediate));

    /// <summary>
    /// All layers with these deletions; <paramref name="otherTokens"/> more tokens run along (prompt and question), 0 for the visual tokens alone.
    /// </summary>
    public static long Pruned(IReadOnlyList<int> delete, long visualTokens, long hidden, long intermediate, long otherTokens = 0, long? keyValueWidth = null)
    {
        long total = 0;
        long left = visualTokens;
        foreach (int k in delete)
        {
            long next = Math.Max(left - k, 0);
            total = checked(total + Layer(left + otherTokens, next + otherTokens, hidden, intermediate, keyValueWidth));
            left = next;
        }

        return total;
    }

    /// <summary>One generated token, given the rows that each layer's cache holds with it.</summary>
    public static long DecodeStep(IEnumerable<int> cacheRows, long hidden, long intermediate)
        => cacheRows.Sum(rows => checked((4 * hidden * hidden) + (3 * hidden * intermediate) + (2 * hidden * rows)));

    /// <summary>The fraction of the visual tokens' multiply-accumulates that a recipe saves.</summary>
    public static double VisualReduction(Recipe recipe)
        => recipe.BaseVisualTokens == 0
            ? 0
            : 1 - (Pruned(recipe.Delete, recipe.BaseVisualTokens, recipe.Hidden, recipe.Intermediate)
                / (double)Unpruned(recipe.BaseVisualTokens, recipe.Layers, recipe.Hidden, recipe.Intermediate));
}
