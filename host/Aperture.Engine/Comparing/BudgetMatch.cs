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
        => MethodBudget.Of(pipeline, questions, cancellationToken).Tokens;

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

    /// <summary>Multiply-accumulates of the decoder's layers over so many rows.</summary>
    internal static long PrefillMacs(DecoderInfo info, int rows)
        => info.Layers * LayerRows.Full(rows).Macs(info);
}
