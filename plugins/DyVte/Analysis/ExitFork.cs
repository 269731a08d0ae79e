using Aperture.Decoding;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Analysis;

/// <summary>One prompt through the decoder without a cache, with a branch after each of some layers that goes on without the visual rows.</summary>
internal static class ExitFork
{
    /// <summary>Runs a prompt.</summary>
    /// <param name="decoder">The decoder.</param>
    /// <param name="layout">The prompt, given answer rows included.</param>
    /// <param name="rows">Rows <c>[rows, d]</c>; borrowed.</param>
    /// <param name="layers">The layers to branch after, ascending.</param>
    /// <param name="wanted">Which rows, by their index in the prompt, to give logits of; none may be visual.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>float32 logits <c>[wanted, V]</c> of the whole prompt, and of each branch; the caller disposes them.</returns>
    public static (Tensor Full, IReadOnlyList<Tensor> Branches) Run(
        Decoder decoder, SequenceLayout layout, Tensor rows, IReadOnlyList<int> layers, int[] wanted, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        int count = decoder.Info.Layers;
        using RequestContext request = new(decoder.Info, [layout], null, null, null);
        using ForwardState whole = decoder.Begin(request, DecoderPhase.Prefill, [layout]);
        int[] kept = RowGroups.WithoutVisual(layout) ?? [.. Enumerable.Range(0, layout.Count)];
        SequenceLayout left = layout.Keep(kept);
        int[] wantedLeft = Array.ConvertAll(wanted, row => Array.BinarySearch(kept, row));
        List<Tensor> branches = [];
        Tensor x = rows.clone();
        int next = 0;
        foreach (int layer in layers)
        {
            x = decoder.RunLayers(whole, x, next, layer + 1, cancellationToken);
            next = layer + 1;
            using ForwardState branch = decoder.Begin(request, DecoderPhase.Prefill, [left]);
            Tensor tail = decoder.RunLayers(branch, x.index_select(0, Index(kept, x)), next, count, cancellationToken);
            branches.Add(decoder.Logits(tail.index_select(0, Index(wantedLeft, x)), wanted.Length));
        }

        x = decoder.RunLayers(whole, x, next, count, cancellationToken);
        Tensor full = decoder.Logits(x.index_select(0, Index(wanted, x)), wanted.Length);
        return (full.MoveToOuterDisposeScope(), [.. branches.Select(branch => branch.MoveToOuterDisposeScope())]);
    }

    private static Tensor Index(int[] rows, Tensor like) => tensor(Array.ConvertAll(rows, row => (long)row), device: like.device);
}
