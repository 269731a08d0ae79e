using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Fields;

/// <summary>What rays show. Owns its tensors.</summary>
/// <param name="Features">Colour and features, <c>[B, N, 3 + C]</c>.</param>
/// <param name="Depth">Depth where the face is, <c>[B, N, 1]</c>; null where it was not rendered.</param>
internal sealed record RenderedRays(Tensor Features, Tensor? Depth) : IDisposable
{
    /// <summary>Colour and features of each sample in no order of depth, the background's last, <c>[B, N, S, 3 + C]</c>; null unless kept.</summary>
    public Tensor? Samples { get; init; }

    /// <summary>How much each of them shows, <c>[B, N, S]</c>; null unless kept.</summary>
    public Tensor? Weights { get; init; }

    /// <summary>How much each sample of the face shows, <c>[B, N, S']</c>; null unless kept.</summary>
    public Tensor? FaceWeights { get; init; }

    /// <summary>Depths of those samples, <c>[B, N, S']</c>; null unless kept.</summary>
    public Tensor? FaceDepths { get; init; }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        foreach (Tensor? tensor in (Tensor?[])[Features, Depth, Samples, Weights, FaceWeights, FaceDepths])
        {
            tensor?.Dispose();
        }
    }

    /// <summary>The same, handed to the scope around the current one.</summary>
    public RenderedRays Outwards()
    {
        foreach (Tensor? tensor in (Tensor?[])[Features, Depth, Samples, Weights, FaceWeights, FaceDepths])
        {
            tensor?.MoveToOuterDisposeScope();
        }

        return this;
    }
}
