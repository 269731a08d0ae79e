using Aperture.Sequences;

namespace Aperture.Plugins.GammaMod.Training;

/// <summary>
/// Masked routing learning: of a sequence's prefix (system prompt and image) a share may skip, chosen by the router; everything behind it runs. A capacity, not
/// a threshold, so that every sample of a batch runs as many rows. Padding rows count as rows behind the prefix.
/// </summary>
internal sealed record TrainingRule
{
    private const long NoLabel = -100;

    /// <summary>Share of the prefix that skips, ρ.</summary>
    public double SkipRatio { get; init; } = 0.5;

    /// <summary>Rows of the prefix, P; null takes each sample's rows up to the end of its image.</summary>
    public int? PrefixLength { get; init; }

    /// <summary>Whether short sequences are treated as the Mini-Gemini code does, and an image's prefix counted without the text before it.</summary>
    public bool MiniGemini { get; init; }

    /// <summary>The rows of a sample that run.</summary>
    /// <param name="layout">The sample's rows.</param>
    /// <param name="probabilities">One a row.</param>
    /// <param name="labels">One a row, -100 where none; null where there are no labels.</param>
    /// <returns>Rows, ascending.</returns>
    public int[] Choose(SequenceLayout layout, ReadOnlySpan<float> probabilities, long[]? labels)
    {
        int rows = layout.Count, prefix = PrefixLength ?? Prefix(layout);
        float[] keys = probabilities.ToArray();
        if (rows > prefix)
        {
            for (int row = prefix; row < rows; row++)
            {
                keys[row] += 1;
            }

            return RowChoice.Largest(keys, Capacity(rows, prefix));
        }

        if (!MiniGemini)
        {
            return [.. Enumerable.Range(0, rows)];
        }

        for (int row = 0; row < rows; row++)
        {
            keys[row] += labels?[row] == NoLabel ? 1 : 0;
        }

        return RowChoice.Largest(keys, (int)Math.Ceiling(0.5 * rows));
    }

    /// <summary>How many rows run: about L - ρP, in the official order of operations, whose rounding decides now and then.</summary>
    public int Capacity(int rows, int prefix) => (int)Math.Ceiling(rows * (1 - (prefix * SkipRatio / rows)));

    // Without an image there is no prefix to skip from: the whole sequence counts as short.
    private int Prefix(SequenceLayout layout)
    {
        int[] visual = layout.VisualRows();
        return visual.Length == 0 ? layout.Count : MiniGemini ? visual.Length : visual[^1] + 1;
    }
}
