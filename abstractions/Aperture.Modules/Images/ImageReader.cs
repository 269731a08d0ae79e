namespace Aperture.Images;

/// <summary>Tells the format of untrusted bytes from their first ones and reads them.</summary>
internal static class ImageReader
{
    private const string Formats = "PNG, JPEG, WebP, GIF, BMP, TIFF, TGA, PBM, PGM or PPM";

    public static Image Read(ReadOnlySpan<byte> bytes, string name, ImageDecodeOptions options)
    {
        ImageSource source = new(name, options);
        if (bytes.IsEmpty)
        {
            throw new ApertureException($"Image {name} is empty (0 bytes).");
        }

        if (bytes.StartsWith(PngReader.Signature))
        {
            return PngReader.Read(bytes, source);
        }

        if (bytes.StartsWith("GIF87a"u8) || bytes.StartsWith("GIF89a"u8))
        {
            return GifReader.Read(bytes, source);
        }

        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF]))
        {
            return SkiaReader.Read(bytes, source);
        }

        if (bytes.StartsWith("RIFF"u8) && bytes.Length > 12 && bytes[8..].StartsWith("WEBP"u8))
        {
            return WebpReader.Read(bytes, source);
        }

        if (bytes.StartsWith("BM"u8))
        {
            return BmpReader.Read(bytes, source);
        }

        if (bytes.StartsWith("II*\0"u8) || bytes.StartsWith("MM\0*"u8))
        {
            return TiffReader.Read(bytes, source);
        }

        if (PnmReader.Recognises(bytes))
        {
            return PnmReader.Read(bytes, source);
        }

        return Unsupported(bytes) is { } kind
            ? throw new ApertureException($"Image {name} is a {kind} file, which cannot be read: convert it to PNG or JPEG.")
            : TgaReader.Recognises(bytes)
            ? TgaReader.Read(bytes, source)
            : throw new ApertureException($"Image {name} is not an image that can be read: {Formats} is needed.");
    }

    private static string? Unsupported(ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith("P7\n"u8))
        {
            return "PAM";
        }

        if (bytes.Length > 12 && bytes[4..].StartsWith("ftyp"u8))
        {
            return "HEIF or AVIF";
        }

        return bytes.StartsWith("%PDF"u8) ? "PDF" : bytes.StartsWith((ReadOnlySpan<byte>)[0, 0, 1, 0]) ? "ICO" : null;
    }
}
