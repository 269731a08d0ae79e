using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>What reducers do to an image's tokens.</summary>
public static class VisualTokensExtensions
{
    /// <summary>Some of an image's tokens, with their places and sources.</summary>
    /// <param name="tokens">The tokens; consumed.</param>
    /// <param name="rows">The rows that stay, in the order they will have.</param>
    /// <returns>The tokens that stay; the caller disposes them.</returns>
    /// <exception cref="ApertureException">A row does not exist.</exception>
    public static VisualTokens Keep(this VisualTokens tokens, IReadOnlyList<int> rows)
    {
        using (tokens)
        {
            int[] kept = [.. rows];
            if (Array.FindIndex(kept, row => row < 0 || row >= tokens.Places.Length) is >= 0 and var wrong)
            {
                throw new ApertureException($"Row {kept[wrong]} cannot be kept: the picture has {tokens.Places.Length} tokens, 0 to {tokens.Places.Length - 1}.");
            }

            using Tensor index = tensor(Array.ConvertAll(kept, row => (long)row), device: tokens.Rows.device);
            return new VisualTokens(tokens.Rows.index_select(0, index), tokens.Grid, Array.ConvertAll(kept, row => tokens.Places[row])) // [tokens, d] -> [rows, d]
            {
                Sources = tokens.Sources is { } sources ? Array.ConvertAll(kept, row => sources[row]) : null,
            };
        }
    }
}
