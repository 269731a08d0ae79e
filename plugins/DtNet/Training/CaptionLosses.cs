using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Training;

/// <summary>What is made small in training.</summary>
internal static class CaptionLosses
{
    /// <summary>Cross-entropy of each caption's next words; padding does not count.</summary>
    /// <param name="logProbabilities">float32 <c>[R, T - 1, vocabulary]</c>, or of all T words, whose last is passed over; borrowed.</param>
    /// <param name="ids">int64 <c>[R, T]</c>, from begin to end; borrowed.</param>
    /// <param name="padding">Id of padding.</param>
    /// <returns>A scalar: the mean over the words; in the caller's dispose scope.</returns>
    public static Tensor CrossEntropy(Tensor logProbabilities, Tensor ids, int padding)
    {
        long length = ids.size(1) - 1;
        Tensor next = ids.narrow(1, 1, length); // [R, T - 1]
        Tensor spoken = logProbabilities.narrow(1, 0, length).gather(2, next.unsqueeze(-1)).squeeze(-1); // [R, T - 1, vocabulary] -> [R, T - 1]
        Tensor real = next.ne(padding).to_type(spoken.dtype);
        return spoken.mul(real).sum().div(real.sum()).neg();
    }

    /// <summary>
    /// Self-critical: each beam's mean log-probability, positions behind its end among them as zeros, against how much better it is than its picture's beams.
    /// </summary>
    /// <param name="logProbabilities">float32 <c>[B, beams, T]</c> of the words; borrowed.</param>
    /// <param name="reward">float32 <c>[B, beams]</c>; borrowed.</param>
    /// <returns>A scalar, in the caller's dispose scope.</returns>
    public static Tensor SelfCritical(Tensor logProbabilities, Tensor reward)
        => logProbabilities.mean([-1L]).neg().mul(reward.sub(reward.mean([-1L], keepdim: true))).mean();
}
