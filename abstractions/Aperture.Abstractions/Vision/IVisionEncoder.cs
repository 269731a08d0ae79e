using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>
/// Turns pictures into features. An encoder owns its preprocessing: one picture in, whatever it needs out (one square, two resolutions, tiles).
/// </summary>
public interface IVisionEncoder : IDisposable
{
    /// <summary>Channels of a feature row.</summary>
    int Channels { get; }

    /// <summary>Prepares one picture.</summary>
    /// <param name="rgb">Interleaved RGB bytes, row by row, <c>height * width * 3</c> of them.</param>
    /// <param name="width">Width in pixels.</param>
    /// <param name="height">Height in pixels.</param>
    /// <returns>What <see cref="Encode"/> takes; the caller disposes it.</returns>
    VisionInput Prepare(ReadOnlySpan<byte> rgb, int width, int height);

    /// <summary>Encodes a batch of prepared pictures.</summary>
    /// <param name="inputs">Prepared pictures, borrowed.</param>
    /// <param name="request">What to compute beside the features.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>One entry a picture; the caller disposes them.</returns>
    IReadOnlyList<VisionFeatures> Encode(IReadOnlyList<VisionInput> inputs, VisionRequest request, CancellationToken cancellationToken);

    /// <summary>
    /// What stands for a picture in training where a sample has none, for models whose training code encodes one nevertheless; null for all others. The caller
    /// disposes it.
    /// </summary>
    VisionInput? Blank() => null;
}

/// <summary>A prepared picture: pixel values by name, one for an ordinary encoder (<c>pixels</c>). Owns its tensors.</summary>
/// <param name="Tensors">Pixel values, float32, <c>[tiles, 3, height, width]</c> each.</param>
/// <param name="Width">Width of the original picture in pixels.</param>
/// <param name="Height">Height of the original picture in pixels.</param>
public sealed record VisionInput(IReadOnlyDictionary<string, Tensor> Tensors, int Width, int Height) : IDisposable
{
    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        foreach (Tensor tensor in Tensors.Values)
        {
            tensor.Dispose();
        }
    }
}

/// <summary>What a vision encoder is asked for.</summary>
public sealed record VisionRequest
{
    /// <summary>The plain request: features only.</summary>
    public static VisionRequest Plain { get; } = new();

    /// <summary>Hidden states to hand out beside the features; 0 is the input of the first block.</summary>
    public IReadOnlySet<int> HiddenStates { get; init; } = new HashSet<int>();

    /// <summary>Text features that condition the encoder, <c>[tokens, channels]</c>, borrowed; null for none.</summary>
    public Tensor? Condition { get; init; }

    /// <summary>Callbacks inside the trunk; null for none, at no cost.</summary>
    public VisionTrunkHooks? Hooks { get; init; }

    /// <summary>The request that the pictures belong to; null outside of one.</summary>
    public IRequestContext? Request { get; init; }

    /// <summary>What each entry of the encoder's batch shows; null for one picture an entry, in order.</summary>
    public IReadOnlyList<PictureTile>? Pictures { get; init; }

    /// <summary>Whether gradients flow through the encoder; nothing is then worked on in place.</summary>
    public bool Differentiable { get; init; }

    /// <summary>
    /// Stop after this many blocks; null runs as many as are needed. A feature layer behind it is then the output of the last block that ran,
    /// and a hidden state behind it is refused.
    /// </summary>
    public int? StopAfterBlocks { get; init; }
}
