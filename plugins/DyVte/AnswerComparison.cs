using Aperture.Measuring;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DyVte;

/// <summary>How the predictions of one answer under teacher forcing change when a model is changed.</summary>
/// <param name="Agreement">Share of answer tokens whose most probable prediction is the same.</param>
/// <param name="CeFull">Cross entropy of the unchanged model, a token.</param>
/// <param name="CeChanged">Cross entropy of the changed model, a token.</param>
internal sealed record AnswerComparison(float Agreement, float CeFull, float CeChanged)
{
    /// <summary>Compares the predictions of one sample's answer.</summary>
    /// <param name="full">float32 logits <c>[tokens, V]</c> of the rows that predict the answer, from the unchanged model; borrowed.</param>
    /// <param name="changed">The same from the changed model; borrowed.</param>
    /// <param name="targets">
    /// The answer's ids, int64 <c>[tokens]</c>; borrowed. Id 0 is padding to the official count: it enters the sums but not the number of tokens.
    /// </param>
    public static AnswerComparison Of(Tensor full, Tensor changed, Tensor targets)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor counted = targets.gt(0);
        float count = counted.sum().item<long>();
        float same = full.argmax(-1).eq(changed.argmax(-1)).logical_and(counted).sum().item<long>();
        return new AnswerComparison(same / count, Sum(full, targets) / count, Sum(changed, targets) / count);
    }

    private static float Sum(Tensor logits, Tensor targets) => F.cross_entropy(logits, targets, reduction: nn.Reduction.Sum).item<float>();
}
