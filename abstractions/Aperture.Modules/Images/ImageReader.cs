namespace Aperture.Images;

/// <summary>Tells the format of untrusted bytes from their first ones and reads them.</summary>
internal static class ImageReader
{
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

        if (bytes.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8, 0xFF])
            || bytes.StartsWith("BM"u8)
            || (bytes.StartsWith("RIFF"u8) && bytes.Length > 12 && bytes[8..].StartsWith("WEBP"u8)))
        {
            return SkiaReader.Read(bytes, source);
        }

        string? kind = Unsupported(bytes);
        throw new ApertureException(kind is null
            ? $"Image {name} is not an image that can be read: PNG, JPEG, WebP, GIF or BMP is needed."
            : $"Image {name} is a {kind} file, which cannot be read: convert it to PNG, JPEG, WebP, GIF or BMP.");
    }

    private static string? Unsupported(ReadOnlySpan<byte> bytes)
    {
        if (bytes.StartsWith("II*\0"u8) || bytes.StartsWith("MM\0*"u8))
        {
            return "TIFF";
        }

        if (bytes.Length > 2 && bytes[0] == 'P' && bytes[1] is >= (byte)'1' and <= (byte)'7' && char.IsWhiteSpace((char)bytes[2]))
        {
            return "PPM";
        }

        if (bytes.Length > 12 && bytes[4..].StartsWith("ftyp"u8))
        {
            return "HEIF or AVIF";
        }

        return bytes.StartsWith("%PDF"u8) ? "PDF" : null;
    }
}
