using Aperture.Models;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Training;

/// <summary>
/// The frozen part of a training step (spec section 4.3, steps 2 to 5): the layers run once over the whole sequences, and after each exit layer a branch without the visual rows goes
/// through the rest. Dropping the rows gives what the official code gets by masking their columns.
/// </summary>
internal static class ExitPass
{
    /// <summary>Runs a batch.</summary>
    /// <param name="decoder">The frozen decoder.</param>
    /// <param name="layouts">One sequence a sample: prompt with an image and text behind it, then the answer as generated rows.</param>
    /// <param name="rows">Packed rows <c>[rows, d]</c>; borrowed.</param>
    /// <param name="answers">The ids of each sample's answer, int64 <c>[tokens]</c>; borrowed.</param>
    /// <param name="exitLayers">The layers to exit after, ascending.</param>
    /// <param name="withPrefix">Whether gates read the text before the image too.</param>
    /// <returns>One entry an exit layer; the caller disposes them.</returns>
    public static IReadOnlyList<ExitOutcome> Run(
        IDecoderLayers decoder, IReadOnlyList<SequenceLayout> layouts, Tensor rows, IReadOnlyList<Tensor> answers, IReadOnlyList<int> exitLayers, bool withPrefix)
    {
        using IDisposable frozen = no_grad();
        using DisposeScope scope = NewDisposeScope();
        PromptRows[] prompts = [.. layouts.Select(PromptRows.Of)];
        int[][] kept = [.. prompts.Select((prompt, sample) => prompt.WithoutVisual(layouts[sample].Count))];
        SequenceLayout[] withoutVisual = [.. layouts.Select((layout, sample) => layout.Keep(kept[sample]))];
        Tensor keptRows = Packed(layouts, kept, rows.device);
        List<(int Layer, Tensor Features, Tensor Logits)> branches = [];
        Tensor x = rows.clone();
        int next = 0;
        foreach (int layer in exitLayers)
        {
            x = decoder.Run(layouts, x, next, layer + 1);
            next = layer + 1;
            int[] offsets = Offsets(layouts);
            Tensor features = stack([.. prompts.Select((prompt, sample) => GateInputs.OfText(x, offsets[sample], prompt, withPrefix))], 0);
            Tensor left = decoder.Run(withoutVisual, x.index_select(0, keptRows), next, decoder.Layers);
            branches.Add((layer, features, decoder.Logits(left.index_select(0, Predicting(withoutVisual, rows.device)))));
        }

        x = decoder.Run(layouts, x, next, decoder.Layers);
        Tensor full = decoder.Logits(x.index_select(0, Predicting(layouts, rows.device)));
        return [.. branches.Select(branch => new ExitOutcome(
            branch.Layer,
            branch.Features.MoveToOuterDisposeScope(),
            full.clone().MoveToOuterDisposeScope(),
            branch.Logits.MoveToOuterDisposeScope(),
            Compare(full, branch.Logits, answers)))];
    }

    private static AnswerComparison[] Compare(Tensor full, Tensor exit, IReadOnlyList<Tensor> answers)
    {
        AnswerComparison[] compared = new AnswerComparison[answers.Count];
        long from = 0;
        for (int sample = 0; sample < compared.Length; sample++)
        {
            long tokens = answers[sample].size(0);
            using Tensor ours = full.narrow(0, from, tokens), others = exit.narrow(0, from, tokens);
            compared[sample] = AnswerComparison.Of(ours, others, answers[sample]);
            from += tokens;
        }

        return compared;
    }

    // The row before an answer's row predicts it.
    private static Tensor Predicting(IReadOnlyList<SequenceLayout> layouts, Device device)
        => Packed(layouts, [.. layouts.Select(layout => Array.ConvertAll(layout.Rows(SpanKind.Generated), row => row - 1))], device);

    private static Tensor Packed(IReadOnlyList<SequenceLayout> layouts, int[][] rows, Device device)
    {
        int[] offsets = Offsets(layouts);
        return tensor([.. rows.SelectMany((own, sample) => own.Select(row => (long)(offsets[sample] + row)))], device: device);
    }

    private static int[] Offsets(IReadOnlyList<SequenceLayout> layouts)
    {
        int[] offsets = new int[layouts.Count];
        for (int sample = 1; sample < offsets.Length; sample++)
        {
            offsets[sample] = offsets[sample - 1] + layouts[sample - 1].Count;
        }

        return offsets;
    }
}
