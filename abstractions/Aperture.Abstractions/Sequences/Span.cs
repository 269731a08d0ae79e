namespace Aperture.Sequences;

/// <summary>A run of neighbouring rows of one kind in a sequence as it entered the decoder.</summary>
/// <param name="Kind">What the rows stand for.</param>
/// <param name="Length">Number of rows.</param>
public sealed record Span(SpanKind Kind, int Length)
{
    /// <summary>Which image of the request the rows belong to, counted from 0; -1 for text.</summary>
    public int Image { get; init; } = -1;

    /// <summary>Which tile of the image, counted from 0. Images that are not cut into tiles have the one tile 0.</summary>
    public int Tile { get; init; }

    /// <summary>The grid that <see cref="Places"/> refer to.</summary>
    public VisualGrid Grid { get; init; }

    /// <summary>The grid place of each row; null means 0, 1, 2, … in order. A merged token carries the place of its representative.</summary>
    public int[]? Places { get; init; }

    /// <summary>
    /// Whether each row attends to itself only, no other row attends to it, and its key and value are not cached: LaVIN's modality token, which other rows meet through methods alone.
    /// </summary>
    public bool Private { get; init; }

    /// <summary>For merged tokens: all grid places that each row stands for; null means only its own.</summary>
    public int[][]? Sources { get; init; }
}
