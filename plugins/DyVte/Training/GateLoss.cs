using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DyVte.Training;

/// <summary>The loss of one gate on one batch (spec section 4.3, step 7).</summary>
internal static class GateLoss
{
    /// <summary>Cross entropy of each sample.</summary>
    /// <param name="logits"><c>[samples, 2]</c>: keep, exit; borrowed.</param>
    /// <param name="exits">Whether each sample ought to exit.</param>
    /// <returns>float32 <c>[samples]</c>; the caller disposes it.</returns>
    public static Tensor PerSample(Tensor logits, IReadOnlyList<bool> exits)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor labels = tensor([.. exits.Select(exit => exit ? 1L : 0L)], device: logits.device);
        return F.cross_entropy(logits.to_type(ScalarType.Float32), labels, reduction: nn.Reduction.None).MoveToOuterDisposeScope();
    }
}
