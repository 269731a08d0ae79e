using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>The features of one image as they leave the vision encoder. Owns its tensors.</summary>
/// <param name="Tokens">Feature rows <c>[tokens, channels]</c>.</param>
/// <param name="Grid">The grid the rows stand in.</param>
public sealed record VisionFeatures(Tensor Tokens, VisualGrid Grid) : IDisposable
{
    /// <summary>The grid place of each row; null means 0, 1, 2, … in order.</summary>
    public int[]? Places { get; init; }

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
