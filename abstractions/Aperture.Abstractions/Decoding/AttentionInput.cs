using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// What a hook before attention puts in place of the normalised rows. In a parallel block the feed-forward network still reads the rows as they were.
/// </summary>
public sealed record AttentionInput
{
    /// <summary>The rows that attention reads, packed <c>[rows, d]</c>; null keeps the normalised rows. The host disposes it.</summary>
    public Tensor? Rows { get; init; }

    /// <summary>Per sample changes of q, k and v; null means none.</summary>
    public IReadOnlyList<AttentionDeltas?>? Deltas { get; init; }
}
