using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Training;

/// <summary>
/// The frozen part of a training step (spec section 4.3, steps 2 to 5): the layers run once over the whole sequences, and after each exit layer a branch
/// without the visual rows goes through the rest. Dropping the rows gives what the official code gets by masking their columns.
/// </summary>
/// <param name="batch">The batch.</param>
/// <param name="layers">Number of layers of the decoder.</param>
/// <param name="withPrefix">Whether gates read the text before the image too.</param>
internal sealed class ExitPass(ITrainingBatch batch, int layers, bool withPrefix)
{
    private PromptRows[] _prompts = [];
    private int[] _answerTokens = [];
    private int[] _able = [];

    /// <summary>Runs the batch. Samples without an image, or whose prompt does not end in text, are left out of features and comparisons.</summary>
    /// <param name="exitLayers">The layers to exit after, ascending.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>One entry an exit layer, which the caller disposes; none where no sample can exit.</returns>
    public IReadOnlyList<ExitOutcome> Run(IReadOnlyList<int> exitLayers, CancellationToken cancellationToken)
    {
        using IDisposable frozen = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using IDecoderRun whole = batch.Begin([]);
        ReadPrompts(whole);
        if (_able.Length == 0)
        {
            return [];
        }

        List<(int Layer, Tensor Features, Tensor Logits)> branches = [];
        foreach (int layer in exitLayers)
        {
            whole.RunTo(layer + 1, cancellationToken);
            Tensor features = stack([.. _able.Select(sample => GateInputs.OfText(whole.Hidden, whole.Offsets[sample], _prompts[sample], withPrefix))], 0);
            using IDecoderRun exit = whole.Fork();
            exit.Keep(new RowSelection([.. _prompts.Select((prompt, sample) => prompt.WithoutVisual(whole.Layout(sample).Count))]));
            exit.RunTo(layers, cancellationToken);
            branches.Add((layer, features, exit.Logits(exit.Predictions().Rows)));
        }

        whole.RunTo(layers, cancellationToken);
        (Tensor rows, Tensor targets) = whole.Predictions();
        Tensor full = whole.Logits(rows);
        return [.. branches.Select(branch => new ExitOutcome(
            branch.Layer,
            branch.Features.MoveToOuterDisposeScope(),
            full.clone().MoveToOuterDisposeScope(),
            branch.Logits.MoveToOuterDisposeScope(),
            Compare(full, branch.Logits, targets)))];
    }

    // A prompt is what stands before the first answer token.
    private void ReadPrompts(IDecoderRun run)
    {
        long[] labels = run.Labels.cpu().data<long>().ToArray();
        int[] offsets = run.Offsets.ToArray();
        _prompts = new PromptRows[run.Samples];
        _answerTokens = new int[run.Samples];
        for (int sample = 0; sample < run.Samples; sample++)
        {
            SequenceLayout layout = run.Layout(sample);
            int first = Array.FindIndex(labels, offsets[sample], layout.Count, label => label >= 0) - offsets[sample];
            _prompts[sample] = PromptRows.Of(layout.Keep([.. Enumerable.Range(0, first < 0 ? layout.Count : first)]));
            _answerTokens[sample] = labels[(offsets[sample] + 1)..offsets[sample + 1]].Count(label => label >= 0);
        }

        _able = [.. Enumerable.Range(0, run.Samples).Where(sample => _prompts[sample].CanExit && _answerTokens[sample] > 0)];
    }

    private AnswerComparison[] Compare(Tensor full, Tensor exit, Tensor targets)
    {
        return [.. _able.Select(sample =>
        {
            long from = _answerTokens.Take(sample).Sum(), count = _answerTokens[sample];
            return AnswerComparison.Of(full.narrow(0, from, count), exit.narrow(0, from, count), targets.narrow(0, from, count));
        })];
    }
}
