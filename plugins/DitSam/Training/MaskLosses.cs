using System.Text.Json.Serialization;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DitSam.Training;

/// <summary>Losses between logits and soft masks; the published training uses cross-entropy alone.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MaskLoss>))]
internal enum MaskLoss
{
    /// <summary>Binary cross-entropy, the mean over all pixels.</summary>
    Bce,

    /// <summary>Focal loss, the mean over all pixels.</summary>
    Focal,

    /// <summary>One less the dice coefficient of the whole batch.</summary>
    Dice,

    /// <summary>Half focal and half dice.</summary>
    Combined,
}

/// <summary>The losses.</summary>
internal static class MaskLosses
{
    private const double Alpha = 0.25, Gamma = 2, Smooth = 1, Half = 0.5;

    /// <summary>A loss with its published constants.</summary>
    /// <param name="loss">Which.</param>
    /// <param name="logits"><c>[B, 1, S, S]</c>; borrowed.</param>
    /// <param name="target">From 0 to 1, the same shape; borrowed.</param>
    /// <returns>A scalar; the caller disposes it.</returns>
    public static Tensor Of(MaskLoss loss, Tensor logits, Tensor target) => loss switch
    {
        MaskLoss.Focal => Focal(logits, target, Alpha, Gamma),
        MaskLoss.Dice => Dice(logits, target, Smooth),
        MaskLoss.Combined => Combined(logits, target, Half, Half, Gamma, Smooth),
        _ => Bce(logits, target),
    };

    /// <summary>Binary cross-entropy.</summary>
    public static Tensor Bce(Tensor logits, Tensor target) => F.binary_cross_entropy_with_logits(logits, target);

    /// <summary>Focal loss; <paramref name="alpha"/> weighs both classes, as in the published code.</summary>
    /// <param name="logits">Logits; borrowed.</param>
    /// <param name="target">From 0 to 1; borrowed.</param>
    /// <param name="alpha">Factor on all.</param>
    /// <param name="gamma">How much less pixels count that are right already.</param>
    /// <param name="sum">Whether to sum over pixels instead of taking the mean.</param>
    public static Tensor Focal(Tensor logits, Tensor target, double alpha, double gamma, bool sum = false)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor each = F.binary_cross_entropy_with_logits(logits, target, reduction: nn.Reduction.None);
        Tensor loss = each.neg().exp().neg().add(1).pow(gamma).mul(each).mul(alpha);
        return (sum ? loss.sum() : loss.mean()).MoveToOuterDisposeScope();
    }

    /// <summary>One less the dice coefficient over all pixels of the batch together.</summary>
    /// <param name="logits">Logits; borrowed.</param>
    /// <param name="target">From 0 to 1; borrowed.</param>
    /// <param name="smooth">Added above and below the line.</param>
    public static Tensor Dice(Tensor logits, Tensor target, double smooth)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor probabilities = logits.sigmoid();
        Tensor both = probabilities.mul(target).sum().mul(2).add(smooth), all = probabilities.sum().add(target.sum()).add(smooth);
        return both.div(all).neg().add(1).MoveToOuterDisposeScope();
    }

    /// <summary>Focal loss and dice together.</summary>
    /// <param name="logits">Logits; borrowed.</param>
    /// <param name="target">From 0 to 1; borrowed.</param>
    /// <param name="focal">Weight of the focal loss.</param>
    /// <param name="dice">Weight of dice.</param>
    /// <param name="gamma">Of the focal loss.</param>
    /// <param name="smooth">Of dice.</param>
    public static Tensor Combined(Tensor logits, Tensor target, double focal, double dice, double gamma, double smooth)
    {
        using DisposeScope scope = NewDisposeScope();
        return Focal(logits, target, Alpha, gamma).mul(focal).add(Dice(logits, target, smooth).mul(dice)).MoveToOuterDisposeScope();
    }
}
