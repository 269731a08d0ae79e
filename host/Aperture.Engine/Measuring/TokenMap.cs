using Aperture.Images;
using Aperture.Models;
using Aperture.Sequences;

namespace Aperture.Measuring;

/// <summary>
/// Which parts of a picture each decoder layer still saw: the picture as the encoder cut it, its grid, and for each layer the grid places that were left.
/// </summary>
public sealed class TokenMap
{
    private TokenMap(Image picture, VisualGrid grid, IReadOnlyList<IReadOnlySet<int>> kept) => (Picture, Grid, Kept) = (picture, grid, kept);

    /// <summary>The square that the encoder saw.</summary>
    public Image Picture { get; }

    /// <summary>The grid of visual tokens over it.</summary>
    public VisualGrid Grid { get; }

    /// <summary>Grid places that entered the decoder (entry 0), and that each layer computed and passed on (entry l + 1). Merged tokens count for every place they stand for.</summary>
    public IReadOnlyList<IReadOnlySet<int>> Kept { get; }

    /// <summary>Draws the map: one picture for each number of tokens that differs from the layer before, what was dropped darkened, with layer and count as captions.</summary>
    /// <returns>The picture.</returns>
    public Image Draw() => TokenMapDrawing.Draw(this);

    /// <summary>Draws the map into a PNG file; written whole or not at all.</summary>
    /// <param name="path">The file.</param>
    /// <returns>The full path.</returns>
    public string SavePng(string path)
    {
        Draw().SavePng(path);
        return Path.GetFullPath(path);
    }

    internal static TokenMap? From(Image image, ImageAspect aspect, SequenceLayout prompt, IReadOnlyList<SequenceLayout> layers)
    {
        Span? span = prompt.OriginalSpans.FirstOrDefault(s => s.Kind == SpanKind.Image);
        if (span is null || span.Grid.Count == 0)
        {
            return null;
        }

        List<IReadOnlySet<int>> kept = [Places(prompt)];
        kept.AddRange(layers.Select(Places));
        return new TokenMap(EncoderView.Of(image, aspect), span.Grid, kept);
    }

    private static HashSet<int> Places(SequenceLayout layout)
    {
        HashSet<int> places = [];
        for (int row = 0; row < layout.Count; row++)
        {
            if (layout.KindOf(row) != SpanKind.Image || layout.ImageOf(row) != 0)
            {
                continue;
            }

            places.UnionWith(SourcesOf(layout, row));
        }

        places.Remove(-1);
        return places;
    }

    private static IEnumerable<int> SourcesOf(SequenceLayout layout, int row)
    {
        Span span = layout.SpanOf(row);
        int place = layout.PlaceOf(row);
        if (span.Sources is { } sources && span.Places is { } places)
        {
            int index = Array.IndexOf(places, place);
            return index >= 0 ? sources[index] : [place];
        }

        return [place];
    }
}
