using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>What reducers do to an image's tokens.</summary>
public static class VisualTokensExtensions
{
    /// <summary>Some of an image's tokens, with their places and sources.</summary>
    /// <param name="tokens">The tokens; consumed.</param>
    /// <param name="rows">The rows that stay, in the order they will have.</param>
    /// <returns>The tokens that stay; the caller disposes them.</returns>
    /// <exception cref="ApertureException">A row does not exist, or is kept twice.</exception>
    public static VisualTokens Keep(this VisualTokens tokens, IReadOnlyList<int> rows)
    {
        using (tokens)
        {
            int[] kept = [.. rows];
            if (Array.FindIndex(kept, row => row < 0 || row >= tokens.Count) is >= 0 and var wrong)
            {
                throw new ApertureException($"Row {kept[wrong]} cannot be kept: the picture has {tokens.Count} tokens, 0 to {tokens.Count - 1}.");
            }

            HashSet<int> seen = [];
            if (Array.FindIndex(kept, row => !seen.Add(row)) is >= 0 and var again)
            {
                throw new ApertureException($"Row {kept[again]} is kept twice; name each row once.");
            }

            using Tensor index = tensor(Array.ConvertAll(kept, row => (long)row), device: tokens.Rows.device);
            return new VisualTokens(tokens.Rows.index_select(0, index), Segments(tokens.Segments, kept)); // [tokens, d] -> [rows, d]
        }
    }

    // Neighbouring rows of one segment stay one segment.
    private static List<VisualSegment> Segments(IReadOnlyList<VisualSegment> segments, int[] kept)
    {
        List<VisualSegment> left = [];
        for (int at = 0; at < kept.Length;)
        {
            (int segment, int first) = SegmentOf(segments, kept[at]);
            int end = at;
            while (end < kept.Length && kept[end] >= first && kept[end] < first + segments[segment].Rows)
            {
                end++;
            }

            left.Add(segments[segment].Keep(Array.ConvertAll(kept[at..end], row => row - first)));
            at = end;
        }

        return left;
    }

    private static (int Segment, int First) SegmentOf(IReadOnlyList<VisualSegment> segments, int row)
    {
        int segment = 0, first = 0;
        while (row >= first + segments[segment].Rows)
        {
            first += segments[segment++].Rows;
        }

        return (segment, first);
    }
}
