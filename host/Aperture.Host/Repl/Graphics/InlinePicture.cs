using System.Text;
using Aperture.Images;

namespace Aperture.Host.Repl;

/// <summary>Encodes a picture as the escape sequences that show it at the cursor.</summary>
internal static class InlinePicture
{
    private const int MostColumns = 800; // Pixels: wider pictures are scaled down, or they would not fit into the window.
    private const int KittyChunk = 4096;

    public static string Encode(Image picture, GraphicsKind kind)
    {
        Image shown = picture.Width <= MostColumns
            ? picture
            : picture.ConvertToRgb().Resize(MostColumns, Math.Max(1, picture.Height * MostColumns / picture.Width));
        return kind switch
        {
            GraphicsKind.Kitty => Kitty(shown.EncodePng()),
            GraphicsKind.ITerm => ITerm(shown.EncodePng()),
            GraphicsKind.Sixel => SixelEncoder.Encode(shown.ConvertToRgb()),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "There is no sequence for it."),
        };
    }

    private static string Kitty(byte[] png)
    {
        string data = Convert.ToBase64String(png);
        StringBuilder output = new StringBuilder();
        for (int start = 0; start < data.Length; start += KittyChunk)
        {
            int length = Math.Min(KittyChunk, data.Length - start);
            output.Append("\x1b_G").Append(start == 0 ? "f=100,a=T," : "").Append(start + length < data.Length ? "m=1;" : "m=0;");
            output.Append(data, start, length).Append("\x1b\\");
        }

        return output.ToString();
    }

    private static string ITerm(byte[] png) => $"\x1b]1337;File=inline=1;size={png.Length}:{Convert.ToBase64String(png)}\a";
}
