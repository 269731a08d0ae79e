using System.Buffers.Binary;

namespace Aperture.Images;

/// <summary>
/// Reads PBM, PGM and PPM, binary and plain: bits in mode Bilevel, grey in L, grey of more than 8 bits in I (scaled to 65535), colours in RGB. ImageSharp 2.1
/// is not used: it takes pixels that look like white space for a part of the header, wide samples in the wrong byte order, and rounds down when it scales.
/// </summary>
internal static class PnmReader
{
    private const int Bits = 1, Grey = 2, Colours = 3;

    /// <summary>Whether the bytes begin like one of the six formats.</summary>
    public static bool Recognises(ReadOnlySpan<byte> bytes)
        => bytes.Length > 2 && bytes[0] == 'P' && bytes[1] is >= (byte)'1' and <= (byte)'6' && (IsSpace(bytes[2]) || bytes[2] == '#');

    public static Image Read(ReadOnlySpan<byte> file, ImageSource source)
    {
        bool plain = file[1] <= '3';
        int kind = file[1] - (plain ? '0' : '3');
        ReadOnlySpan<byte> rest = file[2..];
        (long width, long height) = (Number(ref rest, source), Number(ref rest, source));
        int largest = kind == Bits ? 1 : Number(ref rest, source);
        if (largest is < 1 or > ushort.MaxValue || rest.IsEmpty || !IsSpace(rest[0]))
        {
            throw source.Damaged("its header is not that of a PBM, PGM or PPM file");
        }

        bool wide = kind == Grey && largest > byte.MaxValue;
        source.CheckSize(width, height, wide ? 4 : 3);
        int count = checked((int)(width * height * (kind == Colours ? 3 : 1)));
        rest = rest[1..]; // exactly one white space ends the header
        ushort[] samples = plain ? Plain(rest, count, kind, source) : Binary(rest, count, kind == Bits ? (int)width : 0, largest, source);
        int scale = wide ? ushort.MaxValue : byte.MaxValue;
        Array pixels = wide
            ? Array.ConvertAll(samples, sample => Scaled(sample, largest, scale))
            : Array.ConvertAll(samples, sample => (byte)(kind == Bits ? 255 * (1 - sample) : Scaled(sample, largest, scale)));
        ImageMode mode = kind switch { Bits => ImageMode.Bilevel, Grey => wide ? ImageMode.I : ImageMode.L, _ => ImageMode.RGB };
        return new Image(mode, (int)width, (int)height, pixels);
    }

    private static int Scaled(int sample, int largest, int scale)
        => largest == scale ? sample : (int)Math.Min(scale, Math.Round((double)sample * scale / largest));

    // Rows of bits are padded to whole bytes; bitWidth is 0 for samples of a byte or two.
    private static ushort[] Binary(ReadOnlySpan<byte> rest, int count, int bitWidth, int largest, ImageSource source)
    {
        int size = largest > byte.MaxValue ? 2 : 1, rowBytes = (bitWidth + 7) / 8;
        if (rest.Length < (bitWidth > 0 ? (long)rowBytes * (count / bitWidth) : (long)count * size))
        {
            throw source.Truncated();
        }

        ushort[] samples = new ushort[count];
        for (int i = 0; i < count; i++)
        {
            samples[i] = bitWidth > 0
                ? (ushort)((rest[(i / bitWidth * rowBytes) + (i % bitWidth / 8)] >> (7 - (i % bitWidth % 8))) & 1)
                : size == 1 ? rest[i] : BinaryPrimitives.ReadUInt16BigEndian(rest[(2 * i)..]);
        }

        return samples;
    }

    // Bits may stand side by side; all other samples have something between them.
    private static ushort[] Plain(ReadOnlySpan<byte> rest, int count, int kind, ImageSource source)
    {
        if (rest.Length < (kind == Bits ? count : (2L * count) - 1))
        {
            throw source.Truncated();
        }

        ushort[] samples = new ushort[count];
        for (int i = 0; i < count; i++)
        {
            SkipSpace(ref rest);
            if (rest.IsEmpty)
            {
                throw source.Truncated();
            }

            samples[i] = (ushort)Math.Min(ushort.MaxValue, Digits(ref rest, kind == Bits ? 1 : int.MaxValue, source));
            if (kind == Bits && samples[i] > 1)
            {
                throw source.Damaged($"it has {samples[i]} for a bit");
            }
        }

        return samples;
    }

    private static int Number(ref ReadOnlySpan<byte> rest, ImageSource source)
    {
        SkipSpace(ref rest);
        return Digits(ref rest, int.MaxValue, source);
    }

    private static int Digits(ref ReadOnlySpan<byte> rest, int most, ImageSource source)
    {
        (long number, int digits) = (0L, 0);
        for (; digits < most && digits < rest.Length && rest[digits] is >= (byte)'0' and <= (byte)'9'; digits++)
        {
            number = Math.Min((10 * number) + rest[digits] - '0', int.MaxValue);
        }

        if (digits == 0)
        {
            throw source.Damaged("it has something else where a number has to be");
        }

        rest = rest[digits..];
        return (int)number;
    }

    private static void SkipSpace(ref ReadOnlySpan<byte> rest)
    {
        while (!rest.IsEmpty && (rest[0] == '#' || IsSpace(rest[0])))
        {
            int line = rest[0] == '#' ? rest.IndexOf((byte)'\n') : 0;
            rest = line < 0 ? default : rest[(line + 1)..];
        }
    }

    private static bool IsSpace(byte value) => value is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n' or 0x0B or 0x0C;
}
