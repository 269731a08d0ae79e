using Aperture.Measuring;
using Aperture.Vision;

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
    /// Whether each row attends to itself only, no other row attends to it, and its key and value are not cached: a modality token that other rows meet
    /// through methods alone.
    /// </summary>
    public bool Private { get; init; }

    /// <summary>
    /// Whether the rows run in one forward with the next span's, as a question does with the queries that read it: a conversation's cache is then cut in
    /// front of both or behind them.
    /// </summary>
    public bool WithNext { get; init; }

    /// <summary>For merged tokens: all grid places that each row stands for; null means only its own.</summary>
    public int[][]? Sources { get; init; }

    /// <summary>For visual rows the rectangle of the picture that the grid covers; null where rows have no place in the picture.</summary>
    public PictureArea? Area { get; init; }

    /// <summary>
    /// Which rows, by their index in the span, ascending, are separators without a place: their kind is <see cref="SpanKind.ImageSeparator"/>.
    /// </summary>
    public int[] Separators { get; init; } = [];

    /// <summary>The span of a picture's segment.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="image">Which image of the request, from 0.</param>
    public static Span Of(VisualSegment segment, int image) => new(segment.Kind, segment.Rows)
    {
        Image = image,
        Tile = segment.Tile,
        Grid = segment.Grid,
        Places = segment.Places,
        Sources = segment.Sources,
        Area = segment.Area,
        Separators = segment.Separators,
    };
}
