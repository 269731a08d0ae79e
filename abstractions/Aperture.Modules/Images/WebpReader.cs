using System.Buffers.Binary;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Webp;
using SixLabors.ImageSharp.PixelFormats;

namespace Aperture.Images;

/// <summary>
/// Reads WebP, of an animation the first frame on its canvas. ImageSharp decodes a file of the frame's own chunks: 2.1 reads no animations, and takes
/// whatever is in memory for what a chunk's length promises and the file does not hold.
/// </summary>
internal static class WebpReader
{
    private const int AlphaFlag = 0x10, AnimationFlag = 0x02;

    public static Image Read(ReadOnlySpan<byte> file, ImageSource source)
    {
        Canvas? canvas = null;
        (int left, int top) = (0, 0);
        ReadOnlySpan<byte> alpha = default, rest = file[12..];
        while (true)
        {
            ReadOnlySpan<byte> chunk = Take(ref rest, out ReadOnlySpan<byte> type, source);
            if (canvas is null && type.SequenceEqual("VP8X"u8) && chunk.Length >= 10)
            {
                canvas = new Canvas(1 + UInt24(chunk[4..]), 1 + UInt24(chunk[7..]), (chunk[0] & AlphaFlag) != 0, (chunk[0] & AnimationFlag) != 0);
                source.CheckSize(canvas.Width, canvas.Height, bytesPerPixel: 4);
            }
            else if (type.SequenceEqual("ANMF"u8) && chunk.Length >= 16)
            {
                (left, top) = (2 * UInt24(chunk), 2 * UInt24(chunk[3..]));
                rest = chunk[16..];
            }
            else if (type.SequenceEqual("ALPH"u8) && canvas is not null)
            {
                alpha = chunk;
            }
            else if (type.SequenceEqual("VP8 "u8) || type.SequenceEqual("VP8L"u8))
            {
                bool lossless = type[3] == 'L';
                bool hasAlpha = lossless ? chunk.Length > 4 && (chunk[4] & AlphaFlag) != 0 : !alpha.IsEmpty || canvas is { HasAlpha: true };
                Image image = Decode(type, chunk, lossless ? default : alpha, hasAlpha, source);
                image = OnCanvas(image, canvas, left, top, source);
                return image.With(image.RawPixels, image.Width, image.Height, ExifOrientation.Read(file));
            }
        }
    }

    private static Image Decode(ReadOnlySpan<byte> type, ReadOnlySpan<byte> chunk, ReadOnlySpan<byte> alpha, bool hasAlpha, ImageSource source)
    {
        byte[] file = Container(type, chunk);
        WebpDecoder decoder = new() { IgnoreMetadata = true };
        IImageInfo info = ImageSharpDecoder.Identify(decoder, file, source);
        (int width, int height) = (info.Width, info.Height);
        source.CheckSize(width, height, bytesPerPixel: 4);
        if (!alpha.IsEmpty)
        {
            byte[] extended = [AlphaFlag, 0, 0, 0, .. Bytes24(width - 1), .. Bytes24(height - 1)];
            file = Container("VP8X"u8, extended, [.. Chunk("ALPH"u8, alpha), .. Chunk(type, chunk)]);
        }

        return hasAlpha
            ? new Image(ImageMode.RGBA, width, height, ImageSharpDecoder.Bytes<Rgba32>(decoder, file, source))
            : new Image(ImageMode.RGB, width, height, ImageSharpDecoder.Bytes<Rgb24>(decoder, file, source));
    }

    // A frame of an animation that leaves a part of the canvas free leaves it transparent.
    private static Image OnCanvas(Image frame, Canvas? canvas, int left, int top, ImageSource source)
    {
        if (canvas is null || (frame.Width == canvas.Width && frame.Height == canvas.Height))
        {
            return frame;
        }

        if (!canvas.Animated || left + frame.Width > canvas.Width || top + frame.Height > canvas.Height)
        {
            throw source.Damaged($"its canvas of {canvas.Width}x{canvas.Height} pixels does not fit its frame of {frame.Width}x{frame.Height}");
        }

        return frame.ConvertToRgba().Crop(-left, -top, canvas.Width, canvas.Height);
    }

    private static ReadOnlySpan<byte> Take(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> type, ImageSource source)
    {
        uint length = rest.Length < 8 ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(rest[4..]);
        if (length > rest.Length - 8)
        {
            throw source.Truncated();
        }

        type = rest[..4];
        ReadOnlySpan<byte> payload = rest.Slice(8, (int)length);
        rest = rest[(int)Math.Min(rest.Length, 8 + (long)length + (length & 1))..];
        return payload;
    }

    private static byte[] Container(ReadOnlySpan<byte> type, ReadOnlySpan<byte> payload, params ReadOnlySpan<byte> more)
    {
        byte[] chunk = Chunk(type, payload);
        byte[] file = [.. "RIFF"u8, 0, 0, 0, 0, .. "WEBP"u8, .. chunk, .. more];
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(4), file.Length - 8);
        return file;
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, ReadOnlySpan<byte> payload)
    {
        byte[] chunk = new byte[8 + payload.Length + (payload.Length & 1)];
        type.CopyTo(chunk);
        BinaryPrimitives.WriteInt32LittleEndian(chunk.AsSpan(4), payload.Length);
        payload.CopyTo(chunk.AsSpan(8));
        return chunk;
    }

    private static int UInt24(ReadOnlySpan<byte> bytes) => bytes[0] | (bytes[1] << 8) | (bytes[2] << 16);

    private static byte[] Bytes24(int value) => [(byte)value, (byte)(value >> 8), (byte)(value >> 16)];

    private sealed record Canvas(int Width, int Height, bool HasAlpha, bool Animated);
}
