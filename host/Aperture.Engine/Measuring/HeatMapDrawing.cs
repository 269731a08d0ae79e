using System.Globalization;
using Aperture.Images;
using Aperture.Tasks;
using Aperture.Vision;
using SkiaSharp;

namespace Aperture.Measuring;

/// <summary>Draws a heat map: a panel for each value, with its name and range.</summary>
internal static class HeatMapDrawing
{
    private const int Side = 260, Gap = 14, Caption = 26, PanelsARow = 3;

    public static Image Draw(HeatMap map)
    {
        int columns = Math.Min(PanelsARow, map.Panels.Count), rows = (map.Panels.Count + columns - 1) / columns;
        SKImageInfo info = new((columns * (Side + Gap)) + Gap, (rows * (Side + Gap + Caption)) + Gap, SKColorType.Rgba8888, SKAlphaType.Opaque);
        using SKBitmap bitmap = new(info);
        using SKCanvas canvas = new(bitmap);
        using SKImage picture = TokenMapDrawing.ToSkia(map.Picture);
        using SKFont font = new(Typefaces.Plain, 13);
        using SKPaint ink = new() { Color = new SKColor(30, 30, 30), IsAntialias = true };
        canvas.Clear(SKColors.White);
        float largest = map.Panels.Max(panel => panel.Values.Max());
        for (int i = 0; i < map.Panels.Count; i++)
        {
            HeatMapPanel panel = map.Panels[i];
            SKRect frame = TokenMapDrawing.Frame(map.Picture, Gap + (i % columns * (Side + Gap)), Gap + (i / columns * (Side + Gap + Caption)), Side);
            canvas.DrawImage(picture, frame, new SKSamplingOptions(SKFilterMode.Linear));
            Heat(canvas, map, panel, frame, largest > 0 ? largest : 1);
            string range = string.Create(CultureInfo.InvariantCulture, $"{panel.Name}: {panel.Values.Min():0.###} to {panel.Values.Max():0.###}");
            canvas.DrawText(range, frame.Left, Gap + (i / columns * (Side + Gap + Caption)) + Side + 19, SKTextAlign.Left, font, ink);
        }

        return TokenMapDrawing.ToImage(bitmap);
    }

    // Small values darken their place, large ones glow.
    private static void Heat(SKCanvas canvas, HeatMap map, HeatMapPanel panel, SKRect frame, float largest)
    {
        PictureArea area = map.Area;
        float scaleX = frame.Width / map.Picture.Width, scaleY = frame.Height / map.Picture.Height;
        float width = (float)area.Width * scaleX / map.Grid.Columns, height = (float)area.Height * scaleY / map.Grid.Rows;
        float left = frame.Left + ((float)area.X * scaleX), top = frame.Top + ((float)area.Y * scaleY);
        using SKPaint paint = new();
        for (int place = 0; place < map.Grid.Count; place++)
        {
            float share = Math.Clamp(panel.Values[place] / largest, 0, 1), x = left + (place % map.Grid.Columns * width);
            float y = top + (place / map.Grid.Columns * height);
            SKRect cell = new(x, y, x + width, y + height);
            paint.Color = new SKColor(18, 20, 26, (byte)(150 * (1 - share)));
            canvas.DrawRect(cell, paint);
            paint.Color = new SKColor(255, 120, 0, (byte)(170 * share));
            canvas.DrawRect(cell, paint);
        }
    }
}
