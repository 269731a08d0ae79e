using Aperture.Images;
using Aperture.Tasks;
using Aperture.Vision;
using SkiaSharp;

namespace Aperture.Measuring;

/// <summary>Draws a token map as a sheet of pictures, one for each layer at which something changed.</summary>
internal static class TokenMapDrawing
{
    private const int Side = 220;
    private const int Gap = 14;
    private const int Caption = 26;
    private const int MostPanels = 12;
    private const int PanelsARow = 4;

    public static Image Draw(TokenMap map)
    {
        IReadOnlyList<TokenMapTile>[] sheets = [.. Sheets(map)];
        return Draw(map, sheets, Thinned(Changes(map)), PanelsARow);
    }

    /// <summary>A picture for each number of tokens that differs from the layer before, all of one size.</summary>
    public static Image[] Frames(TokenMap map)
    {
        IReadOnlyList<TokenMapTile>[] sheets = [.. Sheets(map)];
        return [.. Changes(map).Select(stage => Draw(map, sheets, [stage], sheets.Length))];
    }

    private static Image Draw(TokenMap map, IReadOnlyList<TokenMapTile>[] sheets, int[] stages, int panelsARow)
    {
        (int Stage, int Sheet)[] panels = [.. stages.SelectMany(stage => sheets.Select((_, sheet) => (stage, sheet)))];
        int columns = Math.Min(panelsARow, panels.Length), rows = (panels.Length + columns - 1) / columns;
        SKImageInfo info = new((columns * (Side + Gap)) + Gap, (rows * (Side + Gap + Caption)) + Gap, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using SKBitmap bitmap = new(info);
        using SKCanvas canvas = new(bitmap);
        using SKImage picture = ToSkia(map.Picture);
        using SKFont font = new(Typefaces.Plain, 15);
        using SKPaint ink = new() { Color = new SKColor(30, 30, 30), IsAntialias = true };
        canvas.Clear(SKColors.White);
        for (int i = 0; i < panels.Length; i++)
        {
            (int stage, int sheet) = panels[i];
            SKRect frame = Frame(map.Picture, Gap + (i % columns * (Side + Gap)), Gap + (i / columns * (Side + Gap + Caption)), Side);
            canvas.DrawImage(picture, frame, new SKSamplingOptions(SKFilterMode.Linear));
            foreach (TokenMapTile tile in sheets[sheet])
            {
                Darken(canvas, map, tile, map.Kept[stage], frame);
            }

            string name = stage == 0 ? "into the decoder" : $"after layer {stage - 1}";
            int of = sheets[sheet].Sum(tile => tile.Grid.Count), left = sheets[sheet].Sum(
                tile => map.Kept[stage].Count(place => place >= tile.First && place < tile.First + tile.Grid.Count));
            canvas.DrawText($"{name}: {left} of {of}", frame.Left, Gap + (i / columns * (Side + Gap + Caption)) + Side + 19, SKTextAlign.Left, font, ink);
        }

        return ToImage(bitmap);
    }

    // Tiles that lie over each other, such as a whole picture and its cut-outs, go on sheets of their own.
    private static List<List<TokenMapTile>> Sheets(TokenMap map)
    {
        List<List<TokenMapTile>> sheets = [];
        foreach (TokenMapTile tile in map.Tiles)
        {
            List<TokenMapTile>? free = sheets.Find(sheet => !sheet.Exists(other => Overlap(tile.Area, other.Area)));
            if (free is null)
            {
                sheets.Add(free = []);
            }

            free.Add(tile);
        }

        return sheets;
    }

    private static bool Overlap(PictureArea a, PictureArea b)
        => Math.Min(a.X + a.Width, b.X + b.Width) - Math.Max(a.X, b.X) > 1 && Math.Min(a.Y + a.Height, b.Y + b.Height) - Math.Max(a.Y, b.Y) > 1;

    /// <summary>The picture's own shape, as large as a square panel lets it be.</summary>
    internal static SKRect Frame(Image picture, float x, float y, int side)
    {
        float scale = (float)side / Math.Max(picture.Width, picture.Height), width = picture.Width * scale, height = picture.Height * scale;
        float left = x + ((side - width) / 2), top = y + ((side - height) / 2);
        return new SKRect(left, top, left + width, top + height);
    }

    private static int[] Changes(TokenMap map)
        => [.. Enumerable.Range(0, map.Kept.Count).Where(i => i == 0 || map.Kept[i].Count != map.Kept[i - 1].Count)];

    // The start, every change, and the end; thinned evenly where that is too many.
    private static int[] Thinned(int[] changes)
    {
        if (changes.Length <= MostPanels)
        {
            return changes;
        }

        return [.. Enumerable.Range(0, MostPanels).Select(i => changes[i * (changes.Length - 1) / (MostPanels - 1)]).Distinct()];
    }

    private static void Darken(SKCanvas canvas, TokenMap map, TokenMapTile tile, IReadOnlySet<int> kept, SKRect frame)
    {
        float scaleX = frame.Width / map.Picture.Width, scaleY = frame.Height / map.Picture.Height;
        float width = (float)tile.Area.Width * scaleX / tile.Grid.Columns, height = (float)tile.Area.Height * scaleY / tile.Grid.Rows;
        float left = frame.Left + ((float)tile.Area.X * scaleX), top = frame.Top + ((float)tile.Area.Y * scaleY);
        using SKPaint shade = new() { Color = new SKColor(18, 20, 26, 205) };
        using SKPaint line = new() { Color = new SKColor(255, 255, 255, 40), Style = SKPaintStyle.Stroke, StrokeWidth = 0.5f };
        for (int place = 0; place < tile.Grid.Count; place++)
        {
            float x = left + (place % tile.Grid.Columns * width), y = top + (place / tile.Grid.Columns * height);
            SKRect cell = new(x, y, x + width, y + height);
            if (!kept.Contains(tile.First + place))
            {
                canvas.DrawRect(cell, shade);
            }

            canvas.DrawRect(cell, line);
        }
    }

    internal static SKImage ToSkia(Image image)
    {
        byte[] rgba = new byte[image.Width * image.Height * 4];
        ReadOnlySpan<byte> rgb = image.Pixels;
        for (int i = 0, j = 0; i < rgb.Length; i += 3, j += 4)
        {
            (rgba[j], rgba[j + 1], rgba[j + 2], rgba[j + 3]) = (rgb[i], rgb[i + 1], rgb[i + 2], 255);
        }

        return SKImage.FromPixelCopy(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), rgba);
    }

    internal static Image ToImage(SKBitmap bitmap)
    {
        ReadOnlySpan<byte> rgba = bitmap.GetPixelSpan();
        byte[] rgb = new byte[bitmap.Width * bitmap.Height * 3];
        for (int i = 0, j = 0; i < rgb.Length; i += 3, j += 4)
        {
            (rgb[i], rgb[i + 1], rgb[i + 2]) = (rgba[j], rgba[j + 1], rgba[j + 2]);
        }

        return Image.FromRgb(rgb, bitmap.Width, bitmap.Height);
    }
}
