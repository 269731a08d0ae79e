using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>What a METER makes of texts and pictures. Owns its tensors.</summary>
/// <param name="Text">The text's rows <c>[B, N, d]</c>.</param>
/// <param name="Image">The picture's rows <c>[B, M, d]</c>.</param>
/// <param name="Pooled">Both streams' pooled first rows side by side <c>[B, 2 d]</c>.</param>
internal sealed record MeterFeatures(Tensor Text, Tensor Image, Tensor Pooled) : IDisposable
{
    public void Dispose()
    {
        Text.Dispose();
        Image.Dispose();
        Pooled.Dispose();
    }
}
