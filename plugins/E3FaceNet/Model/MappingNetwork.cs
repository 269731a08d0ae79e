using Aperture.Plugins.E3FaceNet.Layers;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Model;

/// <summary>From noise and a sentence's pooled row to a style. Borrows its tensors.</summary>
/// <param name="embed">Takes the pooled row to the noise's width; null without text.</param>
/// <param name="layers">The layers.</param>
/// <param name="mean">The running mean of styles, <c>[D]</c>; null where none is kept.</param>
/// <param name="decay">Its decay in training.</param>
internal sealed class MappingNetwork(EqualLinear? embed, IReadOnlyList<EqualLinear> layers, Tensor? mean, double decay)
{
    private const double Epsilon = 1e-8;

    /// <summary>Makes styles.</summary>
    /// <param name="noise"><c>[B, Z]</c>; null for none. Borrowed.</param>
    /// <param name="text"><c>[B, T]</c>; null for none. Borrowed.</param>
    /// <param name="training">Whether the running mean moves.</param>
    /// <returns><c>[B, D]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor? noise, Tensor? text, bool training = false)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor? x = noise is null ? null : Unit(noise.to(ScalarType.Float32));
        if (embed is not null && text is not null)
        {
            Tensor embedded = Unit(embed.Run(text.to(ScalarType.Float32)));
            x = x is null ? embedded : x.add(embedded);
        }

        Tensor y = x ?? throw new ArgumentException("A style needs noise or a text.");
        foreach (EqualLinear layer in layers)
        {
            y = layer.Run(y);
        }

        if (training && mean is not null)
        {
            using IDisposable quiet = no_grad();
            mean.copy_(y.detach().mean([0]).lerp(mean, decay));
        }

        return y.MoveToOuterDisposeScope();
    }

    /// <summary>Copies a style for every layer and holds the first copies towards the mean.</summary>
    /// <param name="style"><c>[B, D]</c>; borrowed.</param>
    /// <param name="copies">Copies.</param>
    /// <param name="truncation">How far from the mean a style may lie: 0 is the mean, 1 does not hold back.</param>
    /// <param name="cutoff">How many copies are held; null for all.</param>
    /// <returns><c>[B, copies, D]</c>; the caller disposes it.</returns>
    public Tensor Copies(Tensor style, int copies, double truncation = 1, int? cutoff = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor all = style.unsqueeze(1).repeat(1, copies, 1); // [B, D] -> [B, copies, D]
        int held = Math.Min(cutoff ?? copies, copies);
        if (truncation == 1 || held == 0)
        {
            return all.MoveToOuterDisposeScope();
        }

        Tensor near = mean!.add(all.narrow(1, 0, held).sub(mean).mul(truncation));
        return (held == copies ? near : cat([near, all.narrow(1, held, copies - held)], 1)).MoveToOuterDisposeScope();
    }

    private static Tensor Unit(Tensor x) => x.mul(x.square().mean([1], keepdim: true).add(Epsilon).rsqrt());
}
