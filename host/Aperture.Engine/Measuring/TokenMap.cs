using Aperture.Images;
using Aperture.Sequences;
using Aperture.Vision;

namespace Aperture.Measuring;

/// <summary>
/// Which parts of a picture each decoder layer still saw: the part of the picture that the encoder saw, the tiles of visual tokens over it where they lie, and
/// for each layer the places that were left.
/// </summary>
public sealed class TokenMap
{
    private TokenMap(Image picture, IReadOnlyList<TokenMapTile> tiles, IReadOnlyList<IReadOnlySet<int>> kept)
        => (Picture, Tiles, Kept) = (picture, tiles, kept);

    /// <summary>What the encoder saw, at the picture's own resolution; grey where it saw padding.</summary>
    public Image Picture { get; }

    /// <summary>The tiles, in the order of their tokens; one for a picture that was not cut.</summary>
    public IReadOnlyList<TokenMapTile> Tiles { get; }

    /// <summary>The grid of the first tile.</summary>
    public VisualGrid Grid => Tiles[0].Grid;

    /// <summary>Places of all tiles together.</summary>
    public int Places => Tiles.Sum(tile => tile.Grid.Count);

    /// <summary>
    /// Places that entered the decoder (entry 0), and that each layer computed and passed on (entry l + 1). A tile's places are numbered from
    /// <see cref="TokenMapTile.First"/> on. Merged tokens count for every place they stand for.
    /// </summary>
    public IReadOnlyList<IReadOnlySet<int>> Kept { get; }

    /// <summary>
    /// Draws the map: one picture for each number of tokens that differs from the layer before, what was dropped darkened, with layer and count as captions.
    /// </summary>
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

    /// <summary>
    /// Draws the map into an animated GIF file, through the layers: one frame for each number of tokens that differs from the layer before, with layer and
    /// count as captions; written whole or not at all.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="delay">How long each frame shows; null for half a second.</param>
    /// <returns>The full path.</returns>
    public string SaveGif(string path, TimeSpan? delay = null)
    {
        Image.SaveGif(TokenMapDrawing.Frames(this), path, delay);
        return Path.GetFullPath(path);
    }

    /// <summary>The map of one picture of a prompt; null where its tokens have no place in it.</summary>
    internal static TokenMap? From(Image picture, int image, SequenceLayout prompt, IReadOnlyList<SequenceLayout> layers)
    {
        Dictionary<int, Span> tiles = [];
        IEnumerable<Span> placed = prompt.OriginalSpans
            .Where(span => span.Kind == SpanKind.Image && span.Image == image && span.Grid.Count > 0 && span.Area is not null);
        foreach (Span span in placed)
        {
            tiles.TryAdd(span.Tile, span);
        }

        if (tiles.Count == 0)
        {
            return null;
        }

        PictureView view = PictureView.Of(picture, [.. tiles.Values.Select(span => span.Area!.Value)]);
        List<TokenMapTile> drawn = [];
        Dictionary<int, int> firstOf = [];
        int first = 0;
        foreach ((int number, Span span) in tiles.OrderBy(tile => tile.Key))
        {
            firstOf[number] = first;
            drawn.Add(new TokenMapTile(span.Grid, view.Inside(span.Area!.Value), first));
            first += span.Grid.Count;
        }

        List<IReadOnlySet<int>> kept = [PlacesOf(prompt, image, firstOf), .. layers.Select(layout => PlacesOf(layout, image, firstOf))];
        return new TokenMap(view.Picture, drawn, kept);
    }

    private static HashSet<int> PlacesOf(SequenceLayout layout, int image, Dictionary<int, int> firstOf)
    {
        HashSet<int> places = [];
        for (int row = 0; row < layout.Count; row++)
        {
            if (layout.KindOf(row) == SpanKind.Image && layout.ImageOf(row) == image && firstOf.TryGetValue(layout.SpanOf(row).Tile, out int first))
            {
                places.UnionWith(SourcesOf(layout, row).Where(place => place >= 0).Select(place => first + place));
            }
        }

        return places;
    }

    private static IEnumerable<int> SourcesOf(SequenceLayout layout, int row)
        => layout.SpanOf(row).Sources is { } sources ? sources[layout.IndexInSpan(row)] : [layout.PlaceOf(row)];
}

/// <summary>A tile of a token map.</summary>
/// <param name="Grid">Its grid of visual tokens.</param>
/// <param name="Area">The rectangle that the grid covers, in pixels of <see cref="TokenMap.Picture"/>.</param>
/// <param name="First">The number that its first place has in <see cref="TokenMap.Kept"/>.</param>
public sealed record TokenMapTile(VisualGrid Grid, PictureArea Area, int First);
