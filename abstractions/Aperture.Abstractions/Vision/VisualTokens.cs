using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>The projected visual tokens of one image, ready to enter the decoder. Owns its tensor.</summary>
/// <param name="Rows">Token rows <c>[tokens, d]</c>.</param>
/// <param name="Grid">The grid that places refer to.</param>
/// <param name="Places">The grid place of each row, in the original grid; a merged token has its representative's.</param>
public sealed record VisualTokens(Tensor Rows, VisualGrid Grid, int[] Places) : IDisposable
{
    /// <summary>For merged tokens all places each row stands for; null means only its own.</summary>
    public int[][]? Sources { get; init; }

    /// <summary>Disposes the rows.</summary>
    public void Dispose() => Rows.Dispose();
}
