using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>The features of one picture as they leave the vision encoder. Owns its tensors.</summary>
/// <param name="Tokens">Feature rows of all segments, one after the other, <c>[tokens, channels]</c>.</param>
/// <param name="Segments">What the rows are; their row counts add up to the rows of <paramref name="Tokens"/>.</param>
public sealed record VisionFeatures(Tensor Tokens, IReadOnlyList<VisualSegment> Segments) : IDisposable
{
    /// <summary>Features of one segment whose rows fill a grid, or some places of it.</summary>
    /// <param name="tokens">Feature rows <c>[tokens, channels]</c>.</param>
    /// <param name="grid">The grid.</param>
    /// <param name="places">The place of each row; null for 0, 1, 2, ….</param>
    public VisionFeatures(Tensor tokens, VisualGrid grid, int[]? places = null)
        : this(tokens, [new VisualSegment((int)tokens.size(0)) { Grid = grid, Places = places }])
    {
    }

    /// <summary>Multiply-accumulates that this picture cost the encoder, by the rows that each block really ran.</summary>
    public long Macs { get; init; }

    /// <summary>What of <see cref="Macs"/> each stage of an encoder that has several cost, in the order they ran; empty for one of one stage.</summary>
    public IReadOnlyList<VisionStage> Stages { get; init; } = [];

    /// <summary>Hidden states by layer, <c>[tokens, channels]</c>, where they were asked for.</summary>
    public IReadOnlyDictionary<int, Tensor> HiddenStates { get; init; } = new Dictionary<int, Tensor>();

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Tokens.Dispose();
        foreach (Tensor state in HiddenStates.Values)
        {
            state.Dispose();
        }
    }
}

/// <summary>What a stage of a vision encoder cost for one picture.</summary>
/// <param name="Name">The stage, a few words for tables.</param>
/// <param name="Macs">Multiply-accumulates.</param>
public readonly record struct VisionStage(string Name, long Macs)
{
    /// <summary>
    /// Wall time in milliseconds; of pictures that ran together, an equal share each. On an accelerator, until its work was queued. 0: not measured.
    /// </summary>
    public double Milliseconds { get; init; }
}
