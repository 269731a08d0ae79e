using System.Buffers.Binary;

namespace Aperture.Images;

/// <summary>
/// Reads the first frame of a GIF file in mode P (or L) as Pillow opens it. Skia is not used because it hides palette indices and clears the colour of
/// transparent pixels.
/// </summary>
internal static class GifReader
{
    private const int LargestCode = 4096;

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
        (int width, int height) = ((int)BinaryPrimitives.ReadUInt16LittleEndian(rest[5..]), (int)BinaryPrimitives.ReadUInt16LittleEndian(rest[7..]));
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

        byte[] indices = Decompress(rest, width * height, source);
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

    /// <summary>The LZW decoder: a code stands for an earlier code's string and one more byte.</summary>
    private static byte[] Decompress(ReadOnlySpan<byte> data, int count, ImageSource source)
    {
        byte minimum = data.IsEmpty ? (byte)0 : data[0];
        if (minimum is < 1 or > 11)
        {
            throw source.Damaged($"its code size is {minimum}");
        }

        (int clear, int end) = (1 << minimum, (1 << minimum) + 1);
        (ushort[]? prefix, byte[]? suffix, ushort[]? lengths) = (new ushort[LargestCode], new byte[LargestCode], new ushort[LargestCode]);
        for (int code = 0; code < clear; code++)
        {
            (suffix[code], lengths[code]) = ((byte)code, 1);
        }

        byte[] output = new byte[count];
        (int filled, int bits, uint buffer, int size, int next, int previous) = (0, 0, 0u, minimum + 1, end + 1, -1);
        data = data[1..];
        int block = 0;
        while (filled < count)
        {
            while (bits < size)
            {
                if (block == 0)
                {
                    if (data.Length < 2 || data[0] == 0)
                    {
                        throw source.Truncated();
                    }

                    block = data[0];
                    data = data[1..];
                }

                if (data.IsEmpty)
                {
                    throw source.Truncated();
                }

                buffer |= (uint)data[0] << bits;
                (bits, block) = (bits + 8, block - 1);
                data = data[1..];
            }

            int current = (int)(buffer & ((1u << size) - 1));
            (buffer, bits) = (buffer >> size, bits - size);
            if (current == clear)
            {
                (size, next, previous) = (minimum + 1, end + 1, -1);
                continue;
            }

            if (current == end)
            {
                throw source.Truncated();
            }

            if (current > next || (previous < 0 && current > end) || (current == next && next == LargestCode))
            {
                throw source.Damaged($"code {current} refers to nothing");
            }

            bool known = current < next;
            int length = known ? lengths[current] : lengths[previous] + 1;
            Expand(output, filled, known ? current : previous, known ? length : length - 1);
            if (!known && filled + length - 1 < count)
            {
                output[filled + length - 1] = output[filled];
            }

            if (previous >= 0 && next < LargestCode)
            {
                (prefix[next], suffix[next], lengths[next]) = ((ushort)previous, output[filled], (ushort)(lengths[previous] + 1));
                next++;
                size += next == 1 << size && size < 12 ? 1 : 0;
            }

            (filled, previous) = (filled + length, current);
        }

        return output;

        void Expand(byte[] into, int start, int code, int length)
        {
            for (int i = start + length - 1; i >= start; i--)
            {
                if (i < into.Length)
                {
                    into[i] = suffix[code];
                }

                code = prefix[code];
            }
        }
    }
}
