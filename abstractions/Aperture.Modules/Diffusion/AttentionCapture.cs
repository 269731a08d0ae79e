using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>Which part of a UNet.</summary>
public enum UNetPlace
{
    /// <summary>The half that makes maps smaller.</summary>
    Down,

    /// <summary>The middle.</summary>
    Mid,

    /// <summary>The half that makes them larger again.</summary>
    Up,
}

/// <summary>One attention of a UNet in one pass.</summary>
/// <param name="Index">Its number, in the order in which they run, from 0.</param>
/// <param name="Place">The part of the network.</param>
/// <param name="IsCross">Whether places attend to the text; else to each other.</param>
/// <param name="Height">Rows of the map.</param>
/// <param name="Width">Columns of the map.</param>
public readonly record struct AttentionSite(int Index, UNetPlace Place, bool IsCross, int Height, int Width)
{
    /// <summary>The attention to the text that follows this self-attention.</summary>
    internal AttentionSite Cross => this with { Index = Index + 1, IsCross = true };
}

/// <summary>
/// Takes attention probabilities from a pass of a UNet. They are computed for the attentions that are wanted and no other, beside the fused attention, whose
/// result stays what it is without.
/// </summary>
/// <param name="wants">Whether an attention's probabilities are wanted.</param>
/// <param name="take">
/// Gets them, float32 <c>[samples * heads, H W, K]</c>, sample by sample and in each head by head; borrowed for the call.
/// </param>
/// <param name="firstSample">The first sample whose probabilities are wanted: under guidance half the batch, so that those without text are left out.</param>
public sealed class AttentionCapture(Func<AttentionSite, bool> wants, Action<AttentionSite, Tensor> take, int firstSample = 0)
{
    /// <summary>The first sample whose probabilities are wanted.</summary>
    public int FirstSample => firstSample;

    internal Action<Tensor>? For(AttentionSite site) => wants(site) ? probabilities => take(site, probabilities) : null;
}
