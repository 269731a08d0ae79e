using Aperture.Decoding;
using Aperture.Sequences;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>One prompt through the decoder without a cache, with a branch after each of some layers that goes on without the visual rows.</summary>
internal static class ExitFork
{
    /// <summary>Runs a prompt.</summary>
    /// <param name="run">The forward before its first layer, one sample, given answer rows included; borrowed.</param>
    /// <param name="count">Number of layers.</param>
    /// <param name="layers">The layers to branch after, ascending.</param>
    /// <param name="wanted">Which rows, by their index in the prompt, to give logits of; none may be visual.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>float32 logits <c>[wanted, V]</c> of the whole prompt, and of each branch; the caller disposes them.</returns>
    public static (Tensor Full, IReadOnlyList<Tensor> Branches) Run(
        IDecoderRun run, int count, IReadOnlyList<int> layers, int[] wanted, CancellationToken cancellationToken)
    {
        int[]? kept = RowGroups.WithoutVisual(run.Layout(0));
        int[] left = kept is null ? wanted : Array.ConvertAll(wanted, row => Array.BinarySearch(kept, row));
        using Tensor rows = Index(wanted, run.Hidden), rowsLeft = Index(left, run.Hidden);
        List<Tensor> branches = [];
        try
        {
            foreach (int layer in layers)
            {
                run.RunTo(layer + 1, cancellationToken);
                using IDecoderRun branch = run.Fork();
                branch.Keep(new RowSelection([kept]));
                branch.RunTo(count, cancellationToken);
                branches.Add(branch.Logits(rowsLeft)); // [rows, d] -> [wanted, V]
            }

            run.RunTo(count, cancellationToken);
            return (run.Logits(rows), branches); // [rows, d] -> [wanted, V]
        }
        catch
        {
            branches.ForEach(branch => branch.Dispose());
            throw;
        }
    }

    private static Tensor Index(int[] rows, Tensor like) => tensor(Array.ConvertAll(rows, row => (long)row), device: like.device);
}
