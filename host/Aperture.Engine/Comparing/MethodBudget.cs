using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Vision;

namespace Aperture.Comparing;

/// <summary>What a pipeline's methods cost over some questions, and the baselines at that cost.</summary>
internal sealed class MethodBudget
{
    private readonly Pipeline _pipeline;
    private readonly Cost[] _costs;

    private MethodBudget(Pipeline pipeline, Cost[] costs) => (_pipeline, _costs) = (pipeline, costs);

    /// <summary>
    /// The largest constant number of visual tokens whose prefill costs at most the pipeline's, over the questions together; 0 where none does.
    /// </summary>
    public int Tokens
    {
        get
        {
            DecoderInfo info = _pipeline.Model.Decoder.Info;
            long budget = _costs.Sum(cost => cost.Decoder);
            int tokens = _costs.Max(cost => cost.Seen);
            while (tokens > 0 && _costs.Sum(cost => BudgetMatch.PrefillMacs(info, cost.Text + Math.Min(tokens, cost.Seen))) > budget)
            {
                tokens--;
            }

            return tokens;
        }
    }

    /// <summary>Asks each question for its cost.</summary>
    /// <param name="pipeline">The pipeline with the methods.</param>
    /// <param name="questions">Pictures and questions, at least one.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public static MethodBudget Of(Pipeline pipeline, IEnumerable<(Image Image, string Question)> questions, CancellationToken cancellationToken)
        => new(pipeline, [.. questions.Select(asked => CostOf(pipeline, asked.Image, asked.Question, cancellationToken))]);

    /// <summary>The plain model with a baseline that costs at most what the methods cost.</summary>
    /// <param name="baseline">The baseline.</param>
    /// <returns>The pipeline; the caller disposes it.</returns>
    public Pipeline Give(PluginMethod baseline)
    {
        int tokens = baseline.ActsBeforeEncoder && _pipeline.Model.Encoder is IScaledEncoder encoder ? WholeTokens(encoder) : Tokens;
        return _pipeline.Plain().With(baseline.Name, new Dictionary<string, int> { [baseline.BaselineOption!] = Math.Max(1, tokens) });
    }

    // What is saved in the encoder and the projector is spent as well: the most rows whose whole way to the decoder's end costs at most the pipeline's.
    private int WholeTokens(IScaledEncoder encoder)
    {
        Model model = _pipeline.Model;
        DecoderInfo info = model.Decoder.Info;
        long budget = _costs.Sum(cost => cost.Decoder + cost.Picture);
        for (int tokens = _costs.Max(cost => cost.Full); tokens > 1;)
        {
            ScaledPicture[] scaled = [.. _costs.Select(cost => encoder.CostOf(cost.Width, cost.Height, tokens))];
            long macs = _costs.Zip(scaled).Sum(pair
                => pair.Second.Macs + model.Projector.Macs(pair.Second.Features) + BudgetMatch.PrefillMacs(info, pair.First.Text + pair.Second.Rows));
            int most = scaled.Max(own => own.Rows);
            if (macs <= budget)
            {
                return Math.Min(most, tokens);
            }

            tokens = Math.Min(most, tokens) - 1; // nothing between gives other pictures
        }

        return 1;
    }

    private static Cost CostOf(Pipeline pipeline, Image image, string question, CancellationToken cancellationToken)
    {
        Model model = pipeline.Model;
        WorkCounter counter = new();
        RequestOutcome outcome = pipeline.Run(
            (run, token) => run.Run([PromptRequest.Of(question, [image])], new() { MaxNewTokens = 1 }, null, counter, token), cancellationToken);
        return new Cost(
            image.Width, image.Height,
            outcome.Prompts[0].Count - outcome.Prompts[0].VisualCount,
            outcome.SeenRows,
            (model.Encoder as IScaledEncoder)?.CostOf(image.Width, image.Height, int.MaxValue).Rows ?? outcome.SeenRows,
            counter.DecoderMacs(model.Decoder.Info) + counter.OwnMacs.Values.Sum(),
            outcome.VisionMacs + model.Projector.Macs(outcome.ProjectedRows));
    }

    // Sizes of the picture, text rows, visual rows before methods acted and of the picture as it is, and multiply-accumulates: of the decoder's layers with the
    // methods' own, and before them.
    private sealed record Cost(int Width, int Height, int Text, int Seen, int Full, long Decoder, long Picture);
}
