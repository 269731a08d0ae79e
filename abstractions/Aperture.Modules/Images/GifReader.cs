using System.Buffers.Binary;
using SixLabors.ImageSharp.Formats.Gif;
using SixLabors.ImageSharp.Metadata;
using SixLabors.ImageSharp.PixelFormats;

namespace Aperture.Images;

/// <summary>
/// Reads the first frame of a GIF file in mode P (or L) as Pillow opens it. ImageSharp decodes a file of that frame alone, whose palette are the greys, so that
/// grey values are indices; by itself it would lose the colours of transparent pixels and what lies beside the frame.
/// </summary>
internal static class GifReader
{
    public static Image Read(ReadOnlySpan<byte> file, ImageSource source)
    {
        if (file.Length < 13)
        {
            throw source.Truncated();
        }

        (ushort screenWidth, ushort screenHeight) = (BinaryPrimitives.ReadUInt16LittleEndian(file[6..]), BinaryPrimitives.ReadUInt16LittleEndian(file[8..]));
        ReadOnlySpan<byte> rest = file[13..];
        ReadOnlySpan<byte> colours = TakeColours(ref rest, file[10], source);
        int transparent = -1;
        while (rest.Length > 0 && rest[0] is not (byte)',' and not (byte)';')
        {
            bool isExtension = rest[0] == (byte)'!';
            if (isExtension && rest.Length >= 8 && rest[1] == 0xF9 && rest[2] >= 4)
            {
                transparent = (rest[3] & 1) != 0 ? rest[6] : -1;
            }

            rest = isExtension && rest.Length >= 2 ? AfterBlocks(rest[2..], source) : rest[1..];
        }

        if (rest.Length < 11 || rest[0] != (byte)',')
        {
            throw source.Damaged("it has no frame");
        }

        (int left, int top) = ((int)BinaryPrimitives.ReadUInt16LittleEndian(rest[1..]), (int)BinaryPrimitives.ReadUInt16LittleEndian(rest[3..]));
        ReadOnlySpan<byte> size = rest.Slice(5, 4);
        (int width, int height) = ((int)BinaryPrimitives.ReadUInt16LittleEndian(size), (int)BinaryPrimitives.ReadUInt16LittleEndian(size[2..]));
        byte flags = rest[9];
        rest = rest[10..];
        ReadOnlySpan<byte> local = TakeColours(ref rest, flags, source);
        (int canvasWidth, int canvasHeight) = (Math.Max(screenWidth, left + width), Math.Max(screenHeight, top + height));
        source.CheckSize(canvasWidth, canvasHeight, bytesPerPixel: 1);
        byte[] canvas = new byte[canvasWidth * canvasHeight];
        if (transparent >= 0)
        {
            canvas.AsSpan().Fill((byte)transparent);
        }

        byte[] indices = width == 0 || height == 0 ? [] : Indices(size, rest[..GifCodes.Check(rest, width * height, source)], source);
        for (int y = 0; y < height; y++)
        {
            int row = (flags & 0x40) != 0 ? InterlacedRow(y, height) : y;
            indices.AsSpan(y * width, width).CopyTo(canvas.AsSpan((top + row) * canvasWidth + left));
        }

        ReadOnlySpan<byte> used = local.IsEmpty ? colours : local;
        return IsGrey(used)
            ? new Image(ImageMode.L, canvasWidth, canvasHeight, canvas, transparentColour: transparent >= 0 ? transparent : null)
            : new Image(ImageMode.P, canvasWidth, canvasHeight, canvas, Palette(used, transparent));
    }

    // Rows stay in the file's order: ImageSharp 2.1 fails on interlaced frames of two to four rows.
    private static byte[] Indices(ReadOnlySpan<byte> size, ReadOnlySpan<byte> codes, ImageSource source)
    {
        byte[] greys = [.. Enumerable.Range(0, 3 * 256).Select(i => (byte)(i / 3))];
        byte[] file = [.. "GIF89a"u8, .. size, 0xF7, 0, 0, .. greys, (byte)',', 0, 0, 0, 0, .. size, 0, .. codes, 0, (byte)';'];
        return ImageSharpDecoder.Bytes<L8>(new GifDecoder { IgnoreMetadata = true, DecodingMode = FrameDecodingMode.First }, file, source);
    }

    private static ReadOnlySpan<byte> TakeColours(ref ReadOnlySpan<byte> rest, byte flags, ImageSource source)
    {
        if ((flags & 0x80) == 0)
        {
            return default;
        }

        int length = 3 << ((flags & 7) + 1);
        if (rest.Length < length)
        {
            throw source.Truncated();
        }

        ReadOnlySpan<byte> colours = rest[..length];
        rest = rest[length..];
        return colours;
    }

    /// <summary>Whether each index stands for the grey of its own value, as without a palette; Pillow opens such files in mode L.</summary>
    private static bool IsGrey(ReadOnlySpan<byte> colours)
    {
        for (int i = 0; i < colours.Length; i++)
        {
            if (colours[i] != i / 3)
            {
                return false;
            }
        }

        return true;
    }

    private static byte[] Palette(ReadOnlySpan<byte> colours, int transparent)
    {
        byte[] palette = new byte[256 * 4];
        for (int i = 0; i < 256; i++)
        {
            for (int c = 0; c < 3; c++)
            {
                palette[4 * i + c] = 3 * i + 3 <= colours.Length ? colours[3 * i + c] : (byte)0;
            }

            palette[4 * i + 3] = (byte)(i == transparent ? 0 : 255);
        }

        return palette;
    }

    private static ReadOnlySpan<byte> AfterBlocks(ReadOnlySpan<byte> blocks, ImageSource source)
    {
        while (blocks.Length > 0 && blocks[0] != 0)
        {
            if (blocks.Length <= blocks[0])
            {
                throw source.Truncated();
            }

            blocks = blocks[(1 + blocks[0])..];
        }

        return blocks.Length > 0 ? blocks[1..] : blocks;
    }

    private static int InterlacedRow(int y, int height)
    {
        foreach ((int start, int step) in (ReadOnlySpan<(int, int)>)[(0, 8), (4, 8), (2, 4), (1, 2)])
        {
            int rows = (height - start + step - 1) / step;
            if (y < rows)
            {
                return start + y * step;
            }

            y -= Math.Max(0, rows);
        }

        throw new ArgumentOutOfRangeException(nameof(y));
    }
}
