using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>METER's training losses, each a scalar that the caller disposes.</summary>
internal static class MeterLosses
{
    private const long NoLabel = -100;

    /// <summary>Visual question answering: the mean over all labels of the binary cross-entropy, times the number of labels.</summary>
    /// <param name="logits"><c>[B, labels]</c>; borrowed.</param>
    /// <param name="targets">Scores from 0 to 1, <c>[B, labels]</c>; borrowed.</param>
    public static Tensor Vqa(Tensor logits, Tensor targets)
    {
        using DisposeScope scope = NewDisposeScope();
        return F.binary_cross_entropy_with_logits(logits, targets).mul(targets.size(1)).MoveToOuterDisposeScope();
    }

    /// <summary>NLVR2, SNLI-VE and matching: the mean cross-entropy.</summary>
    /// <param name="logits"><c>[B, labels]</c>; borrowed.</param>
    /// <param name="labels">int64 <c>[B]</c>; borrowed.</param>
    public static Tensor Classification(Tensor logits, Tensor labels) => F.cross_entropy(logits, labels);

    /// <summary>Masked words: the mean cross-entropy over the rows that have a label.</summary>
    /// <param name="logits"><c>[B, N, vocabulary]</c>; borrowed.</param>
    /// <param name="labels">int64 <c>[B, N]</c>, -100 for rows that do not count; borrowed.</param>
    public static Tensor Words(Tensor logits, Tensor labels)
    {
        using DisposeScope scope = NewDisposeScope();
        return F.cross_entropy(logits.reshape(-1, logits.size(-1)), labels.reshape(-1), ignore_index: NoLabel).MoveToOuterDisposeScope();
    }

    /// <summary>Retrieval: the cross-entropy of the fitting text among the others of its picture.</summary>
    /// <param name="scores"><c>[B, 1 + others]</c>, the fitting text's first; borrowed.</param>
    public static Tensor Retrieval(Tensor scores)
    {
        using DisposeScope scope = NewDisposeScope();
        return F.cross_entropy(scores, zeros(scores.size(0), dtype: ScalarType.Int64, device: scores.device)).MoveToOuterDisposeScope();
    }
}
