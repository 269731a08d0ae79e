using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>The projected visual tokens of one picture, ready to enter the decoder. Owns its tensor.</summary>
/// <param name="Rows">Token rows of all segments, one after the other, <c>[tokens, d]</c>.</param>
/// <param name="Segments">What the rows are; their row counts add up to the rows of <paramref name="Rows"/>.</param>
public sealed record VisualTokens(Tensor Rows, IReadOnlyList<VisualSegment> Segments) : IDisposable
{
    /// <summary>Tokens of one segment.</summary>
    /// <param name="rows">Token rows <c>[tokens, d]</c>.</param>
    /// <param name="grid">The grid that places refer to.</param>
    /// <param name="places">The grid place of each row, in the original grid; a merged token has its representative's.</param>
    public VisualTokens(Tensor rows, VisualGrid grid, int[] places)
        : this(rows, [new VisualSegment(places.Length) { Grid = grid, Places = places }])
    {
    }

    /// <summary>Number of tokens.</summary>
    public int Count => Segments.Sum(segment => segment.Rows);

    /// <summary>The grid place of each token in its segment's grid; -1 for a token that has none.</summary>
    public int[] Places => [.. Segments.SelectMany(segment => segment.WrittenPlaces)];

    /// <summary>Disposes the rows.</summary>
    public void Dispose() => Rows.Dispose();
}
