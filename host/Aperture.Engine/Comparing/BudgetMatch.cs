using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Tasks;

namespace Aperture.Comparing;

/// <summary>
/// Finds the constant number of visual tokens that costs the decoder what a method costs: the budget at which baselines are compared with it.
/// </summary>
public static class BudgetMatch
{
    /// <summary>The largest constant number of visual tokens whose prefill costs at most the pipeline's.</summary>
    /// <param name="pipeline">The pipeline with the method.</param>
    /// <param name="image">A picture.</param>
    /// <param name="question">A question.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public static int ConstantTokens(Pipeline pipeline, Image image, string question, CancellationToken cancellationToken)
        => ConstantTokens(pipeline, [(image, question)], cancellationToken);

    /// <summary>The largest constant number of visual tokens whose prefill costs at most the pipeline's, over several questions together.</summary>
    /// <param name="pipeline">The pipeline with the method.</param>
    /// <param name="questions">Pictures and questions, at least one; each is asked for its cost alone.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public static int ConstantTokens(Pipeline pipeline, IEnumerable<(Image Image, string Question)> questions, CancellationToken cancellationToken)
    {
        DecoderInfo info = pipeline.Model.Decoder.Info;
        (int Text, int Seen, long Macs)[] costs = [.. questions.Select(asked => Cost(pipeline, info, asked.Image, asked.Question, cancellationToken))];
        long budget = costs.Sum(cost => cost.Macs);
        int tokens = costs.Max(cost => cost.Seen);
        while (tokens > 0 && costs.Sum(cost => PrefillMacs(info, cost.Text + Math.Min(tokens, cost.Seen))) > budget)
        {
            tokens--;
        }

        return tokens;
    }

    /// <summary>The largest constant number of visual tokens whose prefill costs at most a budget.</summary>
    /// <param name="info">Sizes.</param>
    /// <param name="text">Text rows of the prompt.</param>
    /// <param name="most">Visual tokens of the un-reduced prompt.</param>
    /// <param name="macs">The budget in multiply-accumulates of the decoder's layers.</param>
    public static int ConstantTokens(DecoderInfo info, int text, int most, long macs)
    {
        int tokens = most;
        while (tokens > 0 && PrefillMacs(info, text + tokens) > macs)
        {
            tokens--;
        }

        return tokens;
    }

    // Text rows, visual rows of the un-reduced prompt, and what the decoder's layers and the methods really computed.
    private static (int Text, int Seen, long Macs) Cost(
        Pipeline pipeline, DecoderInfo info, Image image, string question, CancellationToken cancellationToken)
    {
        WorkCounter counter = new();
        RequestOutcome outcome = pipeline.Run(
            (run, token) => run.Run([PromptRequest.Of(question, [image])], new() { MaxNewTokens = 1 }, null, counter, token), cancellationToken);
        int text = outcome.Prompts[0].Count - outcome.Prompts[0].VisualCount;
        return (text, outcome.SeenRows, counter.DecoderMacs(info) + counter.OwnMacs.Values.Sum());
    }

    private static long PrefillMacs(DecoderInfo info, int rows)
        => info.Layers * LayerRows.Full(rows).Macs(info);
}
