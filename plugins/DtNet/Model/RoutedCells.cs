using Aperture.Plugins.DtNet.Paths;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>Runs the cells of a stage and sums what they give with their weights. Where weights are zero, a cell runs for the other pictures only.</summary>
internal static class RoutedCells
{
    /// <summary>The weighted sum.</summary>
    /// <param name="x">What the cells read, <c>[B, N, d]</c>; borrowed.</param>
    /// <param name="weights">float32 <c>[B, cells]</c>; borrowed.</param>
    /// <param name="plan">Whether zeros are to be looked for.</param>
    /// <param name="cells">
    /// The cells. Each gets rows <c>[b, N, d]</c> and, where it is not asked for all pictures, which of them, and gives as many rows.
    /// </param>
    /// <param name="ran">Gets how many pictures each cell ran for.</param>
    /// <returns><c>[B, N, d]</c>, in the caller's dispose scope.</returns>
    public static Tensor Run(Tensor x, Tensor weights, RoutePlan plan, IReadOnlyList<Func<Tensor, Tensor?, Tensor>> cells, out int[] ran)
    {
        using DisposeScope scope = NewDisposeScope();
        int pictures = (int)x.size(0);
        float[] known = plan.IsSparse ? weights.cpu().data<float>().ToArray() : [];
        ran = new int[cells.Count];
        Tensor? sum = null;
        for (int cell = 0; cell < cells.Count; cell++)
        {
            long[] rows = [.. Enumerable.Range(0, pictures).Where(row => !plan.IsSparse || known[(row * cells.Count) + cell] > 0).Select(row => (long)row)];
            ran[cell] = rows.Length;
            if (rows.Length == 0)
            {
                continue;
            }

            bool all = rows.Length == pictures;
            Tensor? chosen = all ? null : tensor(rows).to(x.device);
            Tensor own = chosen is null ? x : x.index_select(0, chosen);
            Tensor share = weights.select(1, cell).to_type(x.dtype).view(pictures, 1, 1); // [B, cells] -> [B, 1, 1]
            Tensor given = cells[cell](own, chosen);
            Tensor part = given.mul(chosen is null ? share : share.index_select(0, chosen));
            sum = sum is null
                ? chosen is null ? part : zeros_like(x).index_add(0, chosen, part, 1)
                : chosen is null ? sum.add(part) : sum.index_add(0, chosen, part, 1);
        }

        return sum!.MoveToOuterDisposeScope();
    }
}
