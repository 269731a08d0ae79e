using System.Buffers.Binary;
using SixLabors.ImageSharp;
using SixLabors.ImageSharp.Formats.Bmp;
using SixLabors.ImageSharp.PixelFormats;

namespace Aperture.Images;

/// <summary>Reads BMP into mode RGB. BMP has alpha only on paper: Pillow opens 32-bit files as RGB.</summary>
internal static class BmpReader
{
    private const int CoreHeader = 12;

    public static Image Read(ReadOnlySpan<byte> bytes, ImageSource source)
    {
        if (bytes.Length < 30)
        {
            throw source.Truncated();
        }

        Header header = new(bytes);
        byte[] file = bytes.ToArray();
        if (header.Colours > (header.Bits <= 8 ? 1 << header.Bits : 0))
        {
            file.AsSpan(46, 4).Clear(); // a count of colours that cannot be, or of a palette that is not used
        }

        BmpDecoder decoder = new();
        IImageInfo info = ImageSharpDecoder.Identify(decoder, file, source);
        source.CheckSize(info.Width, info.Height, bytesPerPixel: 4);
        CheckRows(header, info, bytes.Length, source);
        byte[] pixels = ImageSharpDecoder.Bytes<Rgb24>(decoder, file, source);
        if (header.Bits == 16)
        {
            Widen(pixels, greenBits: header.Compression == 3 && header.GreenMask == 0x07E0 ? 6 : 5);
        }

        return new Image(ImageMode.RGB, info.Width, info.Height, pixels);
    }

    // ImageSharp repeats the last row it could read. Run lengths (compression 1, 2 and 4) end with a mark, whose absence it does tell.
    private static void CheckRows(Header header, IImageInfo info, int length, ImageSource source)
    {
        long bits = (long)info.Width * header.Bits, last = (bits + 7) / 8, stride = (bits + 31) / 32 * 4;
        if (header.Compression is not (1 or 2 or 4) && header.Offset + ((info.Height - 1) * stride) + last > length)
        {
            throw source.Truncated();
        }
    }

    // Pillow rounds down where ImageSharp repeats the upper bits: of 5 bits, 12 becomes 98 instead of 99.
    private static void Widen(byte[] rgb, int greenBits)
    {
        for (int i = 0; i < rgb.Length; i++)
        {
            int bits = i % 3 == 1 ? greenBits : 5;
            rgb[i] = (byte)((rgb[i] >> (8 - bits)) * 255 / ((1 << bits) - 1));
        }
    }

    private readonly ref struct Header(ReadOnlySpan<byte> file)
    {
        private readonly ReadOnlySpan<byte> _file = file;

        public long Offset => BinaryPrimitives.ReadUInt32LittleEndian(_file[10..]);

        public int Bits => BinaryPrimitives.ReadUInt16LittleEndian(_file[(IsCore ? 24 : 28)..]);

        public uint Compression => Field(30);

        public uint Colours => Field(46);

        public uint GreenMask => Field(58);

        private bool IsCore => BinaryPrimitives.ReadUInt32LittleEndian(_file[14..]) == CoreHeader;

        private uint Field(int at) => IsCore || _file.Length < at + 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(_file[at..]);
    }
}
