using Aperture.Measuring;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>
/// How well each type of question is answered, as a running mean over training steps. A type that is answered badly is asked more often. Owns its tensor.
/// </summary>
internal sealed class ShelfScores : IDisposable
{
    private const double Memory = 0.98, LeastWeight = 0.2;

    private readonly IReadOnlyList<ShelfQuestionType> _types;
    private readonly Tensor _means; // [types]

    /// <param name="types">The types that are counted.</param>
    public ShelfScores(IReadOnlyList<ShelfQuestionType> types)
    {
        _types = types;
        _means = zeros(types.Count, dtype: ScalarType.Float64).DetachFromDisposeScope();
        State = new Dictionary<string, Tensor> { ["scores"] = _means };
    }

    /// <summary>The means, float64 <c>[types]</c>, for checkpoints.</summary>
    public IReadOnlyDictionary<string, Tensor> State { get; }

    /// <summary>How often each type is to be asked, in no unit.</summary>
    /// <param name="types">The types that are asked; null for all.</param>
    public double[] Weights(IReadOnlyList<ShelfQuestionType>? types)
        => [.. _means.data<double>().ToArray().Select((mean, type) => types?.Contains(_types[type]) == false ? 0 : LeastWeight + 1 - mean)];

    /// <summary>Adds what a step's answers say.</summary>
    public void Remember((int[] Right, int[] Asked) step)
    {
        double[] means = _means.data<double>().ToArray();
        for (int type = 0; type < means.Length; type++)
        {
            if (step.Asked[type] > 0)
            {
                means[type] = (Memory * means[type]) + ((1 - Memory) * step.Right[type] / step.Asked[type]);
            }
        }

        using Tensor changed = tensor(means);
        _means.copy_(changed);
    }

    /// <summary>Per type, how many questions of a batch were answered with every token right, and how many were asked.</summary>
    /// <param name="batch">The questions.</param>
    /// <param name="logits">float32 <c>[answer tokens and early rows, V]</c>.</param>
    public (int[] Right, int[] Asked) Of(ShelfBatch batch, Tensor logits)
    {
        using Tensor detached = logits.detach();
        using Tensor best = detached.argmax(1); // [rows, V] -> [rows]
        using Tensor hits = best.eq(batch.Answers);
        bool[] hit = hits.data<bool>().ToArray();
        bool[] wrong = new bool[batch.Types.Length];
        for (int i = 0; i < batch.AnswerTokens; i++)
        {
            wrong[batch.QuestionOf[i]] |= !hit[i];
        }

        (int[] right, int[] asked) = (new int[_types.Count], new int[_types.Count]);
        for (int i = 0; i < wrong.Length; i++)
        {
            int type = batch.Types[i];
            asked[type]++;
            right[type] += wrong[i] ? 0 : 1;
        }

        return (right, asked);
    }

    public void Dispose() => _means.Dispose();
}
