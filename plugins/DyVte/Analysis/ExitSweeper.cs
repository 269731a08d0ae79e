using Aperture.Measuring;
using Aperture.Models;
using Aperture.Text.Scoring;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>
/// Tries every exit on one question: teacher-forced on the model's own answer, and, where that changes and the right answer is known, by answering again.
/// </summary>
/// <param name="model">The model with its questions; borrowed.</param>
/// <param name="layers">The layers to exit after, ascending.</param>
/// <param name="maxNewTokens">Longest answer.</param>
internal sealed class ExitSweeper(ISampledModel model, int[] layers, int maxNewTokens)
{
    /// <summary>Sweeps a question.</summary>
    /// <param name="sample">Index of the question.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public SweptSample Run(int sample, CancellationToken cancellationToken)
    {
        SampledQuestion question = model.Question(sample);
        int[] tokens = model.Answer(sample, [], maxNewTokens, cancellationToken);
        string text = model.Text(tokens);
        AnswerComparison[] compared = model.Forced(sample, tokens, run => Compare(run, tokens, cancellationToken), cancellationToken);
        SweptExit[] exits = [.. layers.Zip(compared, (layer, exit) => Swept(sample, question, text, layer, exit, cancellationToken))];
        int changed = Array.FindLastIndex(exits, exit => !exit.SameAnswer);
        return new SweptSample(question.Id, question.Type, text, changed == layers.Length - 1 ? null : layers[changed + 1], exits);
    }

    private SweptExit Swept(int sample, SampledQuestion question, string text, int layer, AnswerComparison compared, CancellationToken cancellationToken)
    {
        double ratio = compared.CeFull > 0 ? compared.CeChanged / compared.CeFull : double.NaN;
        if (question.Answer is not { } right)
        {
            return new SweptExit(compared.Agreement, ratio, null);
        }

        string given = compared.Agreement == 1 ? text : Answer(sample, layer, cancellationToken);
        return new SweptExit(compared.Agreement, ratio, ShortAnswer.IsRight(given, right));
    }

    private string Answer(int sample, int layer, CancellationToken cancellationToken)
    {
        using ForcedExit exit = new(layer);
        return model.Text(model.Answer(sample, [exit], maxNewTokens, cancellationToken));
    }

    // The rows that predict each token of the answer, given those before it: the last of the prompt and those of all but its last token.
    private AnswerComparison[] Compare(IDecoderRun run, int[] tokens, CancellationToken cancellationToken)
    {
        int[] rows = [.. Enumerable.Range(run.Layout(0).Count - tokens.Length, tokens.Length)];
        (Tensor full, IReadOnlyList<Tensor> branches) = ExitFork.Run(run, model.Decoder.Layers, layers, rows, cancellationToken);
        using (full)
        using (Tensor targets = tensor(Array.ConvertAll(tokens, token => (long)token), device: full.device))
        {
            return [.. branches.Select(branch =>
            {
                using (branch)
                {
                    return AnswerComparison.Of(full, branch, targets);
                }
            })];
        }
    }
}
