using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Tga;
using SixLabors.ImageSharp.PixelFormats;

namespace Aperture.Images;

/// <summary>Reads TGA: grey in mode L, 32 bits in mode RGBA, everything else in mode RGB, palettes looked up.</summary>
internal static class TgaReader
{
    private static readonly TgaImageFormatDetector _detector = new();

    /// <summary>Whether the bytes could begin a TGA file, which has no signature: every field of the header has a possible value.</summary>
    public static bool Recognises(ReadOnlySpan<byte> bytes)
        => bytes.Length >= 18 && bytes[16] is 8 or 15 or 16 or 24 or 32 && _detector.DetectFormat(bytes) is not null;

    public static Image Read(ReadOnlySpan<byte> bytes, ImageSource source)
    {
        TgaDecoder decoder = new();
        byte[] file = bytes.ToArray();
        IImageInfo info = ImageSharpDecoder.Identify(decoder, file, source);
        source.CheckSize(info.Width, info.Height, bytesPerPixel: 4);
        bool coded = (bytes[2] & 8) != 0;
        int palette = bytes[1] == 1 ? (bytes[5] | (bytes[6] << 8)) * ((bytes[7] + 7) / 8) : 0;
        long raw = (long)info.Width * info.Height * ((bytes[16] + 7) / 8);
        if (18 + bytes[0] + palette + (coded ? raw / 128 : raw) > bytes.Length)
        {
            throw source.Truncated();
        }

        return bytes[16] switch
        {
            8 when bytes[1] == 0 => new Image(ImageMode.L, info.Width, info.Height, ImageSharpDecoder.Bytes<L8>(decoder, file, source)),
            32 => new Image(ImageMode.RGBA, info.Width, info.Height, ImageSharpDecoder.Bytes<Rgba32>(decoder, file, source)),
            _ => new Image(ImageMode.RGB, info.Width, info.Height, ImageSharpDecoder.Bytes<Rgb24>(decoder, file, source)),
        };
    }
}
