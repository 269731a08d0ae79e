using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Evaluation;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Analysis;

/// <summary>Tries every exit on one question: teacher-forced on the model's own answer, and, where that changes and the right answer is known, by answering again.</summary>
/// <param name="model">The model; borrowed.</param>
/// <param name="layers">The layers to exit after, ascending.</param>
/// <param name="maxNewTokens">Longest answer.</param>
internal sealed class ExitSweeper(LlavaModel model, int[] layers, int maxNewTokens)
{
    /// <summary>Sweeps a question.</summary>
    /// <param name="item">The question.</param>
    /// <param name="prompt">Its prompt; consumed.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public SweptSample Run(QuestionItem item, LlavaSequence prompt, CancellationToken cancellationToken)
    {
        using (prompt)
        {
            using DisposeScope scope = NewDisposeScope();
            int[] tokens = Answer(prompt, null, cancellationToken);
            string text = Text(tokens);
            (Tensor full, IReadOnlyList<Tensor> branches) = Forced(prompt, tokens, cancellationToken);
            using Tensor targets = tensor(Array.ConvertAll(tokens, token => (long)token), device: full.device);
            SweptExit[] exits = [.. layers.Select((layer, i) =>
            {
                AnswerComparison compared = AnswerComparison.Of(full, branches[i], targets);
                bool same = compared.Agreement == 1;
                string given = same || item.Answer is null ? text : Text(Answer(prompt, layer, cancellationToken));
                return new SweptExit(compared.Agreement, compared.CeFull > 0 ? compared.CeChanged / compared.CeFull : double.NaN, item.Answer is { } right ? Evaluator.IsRight(given, right) : null);
            })];
            int changed = Array.FindLastIndex(exits, exit => !exit.SameAnswer);
            return new SweptSample(item.Id, item.Type, text, changed == layers.Length - 1 ? null : layers[changed + 1], exits);
        }
    }

    private int[] Answer(LlavaSequence prompt, int? exit, CancellationToken cancellationToken)
    {
        HookTable? table = exit is { } layer ? HookTableBuilder.Build(model.Decoder.Info, [new ForcedExit(layer)]) : null;
        GenerationOptions options = model.Complete(new GenerationOptions { MaxNewTokens = maxNewTokens });
        GenerationResult result = new TokenGenerator(model.Decoder).Generate(
            new GenerationInput(prompt.Rows.clone(), [prompt.Layout]), options, null, table, null, cancellationToken);
        return result.Sequences[0].Tokens;
    }

    // Logits that predict each token of the answer, given those before it.
    private (Tensor Full, IReadOnlyList<Tensor> Branches) Forced(LlavaSequence prompt, int[] tokens, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        int given = tokens.Length - 1, count = prompt.Layout.Count;
        Tensor rows = given == 0 ? prompt.Rows : cat([prompt.Rows, model.Decoder.Embed(tokens.AsSpan(0, given))], 0);
        SequenceLayout layout = SequenceLayout.Create([.. prompt.Layout.OriginalSpans, new Span(SpanKind.Generated, given)]);
        (Tensor full, IReadOnlyList<Tensor> branches) = ExitFork.Run(model.Decoder, layout, rows, layers, [.. Enumerable.Range(count - 1, tokens.Length)], cancellationToken);
        return (full.MoveToOuterDisposeScope(), [.. branches.Select(branch => branch.MoveToOuterDisposeScope())]);
    }

    private string Text(int[] tokens) => model.RequireTokenizer().Decode(tokens).Trim();
}
