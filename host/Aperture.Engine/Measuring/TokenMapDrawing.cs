using Aperture.Images;
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
        int[] panels = Panels(map);
        int columns = Math.Min(PanelsARow, panels.Length), rows = (panels.Length + columns - 1) / columns;
        SKImageInfo info = new((columns * (Side + Gap)) + Gap, (rows * (Side + Gap + Caption)) + Gap, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using SKBitmap bitmap = new(info);
        using SKCanvas canvas = new(bitmap);
        using SKImage picture = ToSkia(map.Picture);
        using SKFont font = new(Typefaces.Plain, 15);
        using SKPaint ink = new() { Color = new SKColor(30, 30, 30), IsAntialias = true };
        canvas.Clear(SKColors.White);
        for (int i = 0; i < panels.Length; i++)
        {
            float x = Gap + (i % columns * (Side + Gap)), y = Gap + (i / columns * (Side + Gap + Caption));
            canvas.DrawImage(picture, new SKRect(x, y, x + Side, y + Side), new SKSamplingOptions(SKFilterMode.Linear));
            Darken(canvas, map, map.Kept[panels[i]], x, y);
            string stage = panels[i] == 0 ? "into the decoder" : $"after layer {panels[i] - 1}";
            canvas.DrawText($"{stage}: {map.Kept[panels[i]].Count} of {map.Grid.Count}", x, y + Side + 19, SKTextAlign.Left, font, ink);
        }

        return ToImage(bitmap);
    }

    // The start, every change, and the end; thinned evenly where that is too many.
    private static int[] Panels(TokenMap map)
    {
        int[] changes = [.. Enumerable.Range(0, map.Kept.Count).Where(i => i == 0 || map.Kept[i].Count != map.Kept[i - 1].Count)];
        if (changes.Length <= MostPanels)
        {
            return changes;
        }

        return [.. Enumerable.Range(0, MostPanels).Select(i => changes[i * (changes.Length - 1) / (MostPanels - 1)]).Distinct()];
    }

    private static void Darken(SKCanvas canvas, TokenMap map, IReadOnlySet<int> kept, float x, float y)
    {
        float width = (float)Side / map.Grid.Columns, height = (float)Side / map.Grid.Rows;
        using SKPaint shade = new() { Color = new SKColor(18, 20, 26, 205) };
        using SKPaint line = new() { Color = new SKColor(255, 255, 255, 40), Style = SKPaintStyle.Stroke, StrokeWidth = 0.5f };
        for (int place = 0; place < map.Grid.Count; place++)
        {
            float left = x + (place % map.Grid.Columns * width), top = y + (place / map.Grid.Columns * height);
            SKRect cell = new(left, top, left + width, top + height);
            if (!kept.Contains(place))
            {
                canvas.DrawRect(cell, shade);
            }

            canvas.DrawRect(cell, line);
        }
    }

    private static SKImage ToSkia(Image image)
    {
        byte[] rgba = new byte[image.Width * image.Height * 4];
        ReadOnlySpan<byte> rgb = image.Pixels;
        for (int i = 0, j = 0; i < rgb.Length; i += 3, j += 4)
        {
            (rgba[j], rgba[j + 1], rgba[j + 2], rgba[j + 3]) = (rgb[i], rgb[i + 1], rgb[i + 2], 255);
        }

        return SKImage.FromPixelCopy(new SKImageInfo(image.Width, image.Height, SKColorType.Rgba8888, SKAlphaType.Opaque), rgba);
    }

    private static Image ToImage(SKBitmap bitmap)
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
