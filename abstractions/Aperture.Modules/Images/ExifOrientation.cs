using System.Buffers.Binary;

namespace Aperture.Images;

/// <summary>Finds the orientation in a file's EXIF block. A missing or damaged block means upright, since it says nothing about the pixels.</summary>
internal static class ExifOrientation
{
    private const ushort OrientationTag = 0x0112;

    /// <summary>Reads the orientation of a JPEG or WebP file.</summary>
    public static ImageOrientation Read(ReadOnlySpan<byte> file) =>
        file.StartsWith("RIFF"u8) ? FromWebp(file) : file.StartsWith((ReadOnlySpan<byte>)[0xFF, 0xD8]) ? FromJpeg(file) : ImageOrientation.Upright;

    /// <summary>Reads the orientation from a TIFF block, as the eXIf chunk of PNG holds it and a TIFF file begins with it.</summary>
    public static ImageOrientation FromTiff(ReadOnlySpan<byte> tiff)
    {
        if (tiff.StartsWith("Exif\0\0"u8))
        {
            tiff = tiff[6..];
        }

        long value = new TiffDirectory(tiff).Inline(OrientationTag, 1);
        return value is >= 1 and <= 8 ? (ImageOrientation)value : ImageOrientation.Upright;
    }

    private static ImageOrientation FromJpeg(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> rest = file[2..];
        while (rest.Length >= 4 && rest[0] == 0xFF)
        {
            byte marker = rest[1];
            if (marker == 0xFF)
            {
                rest = rest[1..];
                continue;
            }

            ushort length = BinaryPrimitives.ReadUInt16BigEndian(rest[2..]);
            if (marker is 0xDA or 0xD9 || length < 2 || rest.Length < 2 + length)
            {
                break;
            }

            ReadOnlySpan<byte> payload = rest.Slice(4, length - 2);
            if (marker == 0xE1 && payload.StartsWith("Exif\0\0"u8))
            {
                return FromTiff(payload);
            }

            rest = rest[(2 + length)..];
        }

        return ImageOrientation.Upright;
    }

    private static ImageOrientation FromWebp(ReadOnlySpan<byte> file)
    {
        ReadOnlySpan<byte> rest = file.Length > 12 ? file[12..] : default;
        while (rest.Length >= 8)
        {
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
            if (length > rest.Length - 8)
            {
                break;
            }

            if (rest.StartsWith("EXIF"u8))
            {
                return FromTiff(rest.Slice(8, (int)length));
            }

            rest = rest[Math.Min(rest.Length, 8 + (int)length + (int)(length & 1))..];
        }

        return ImageOrientation.Upright;
    }
}
