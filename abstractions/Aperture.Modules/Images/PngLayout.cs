using System.Buffers.Binary;
using Aperture.Measuring;

namespace Aperture.Images;

/// <summary>How a PNG file's pixels are packed and which mode they become: the table of Pillow.</summary>
internal readonly record struct PngLayout(ImageMode Mode, int Samples, int Depth)
{
    public int BitsPerPixel => Samples * Depth;

    public int Channels => Image.ChannelsOf(Mode);

    /// <summary>Whether a pixel is kept as an integer instead of bytes.</summary>
    public bool Wide => Mode == ImageMode.I;

    public static PngLayout Of(PngChunks chunks, ImageSource source) => (chunks.ColourType, chunks.Depth) switch
    {
        (0, 1) => new PngLayout(ImageMode.Bilevel, 1, 1),
        (0, 2 or 4 or 8) => new PngLayout(ImageMode.L, 1, chunks.Depth),
        (0, 16) => new PngLayout(ImageMode.I, 1, 16),
        (2, 8 or 16) => new PngLayout(ImageMode.RGB, 3, chunks.Depth),
        (3, 1 or 2 or 4 or 8) => new PngLayout(ImageMode.P, 1, chunks.Depth),
        (4, 8) => new PngLayout(ImageMode.LA, 2, 8),
        (4, 16) => new PngLayout(ImageMode.RGBA, 2, 16),
        (6, 8 or 16) => new PngLayout(ImageMode.RGBA, 4, chunks.Depth),
        _ => throw source.Damaged($"colour type {chunks.ColourType} with {chunks.Depth} bits does not exist"),
    };

    /// <summary>The one colour that a tRNS chunk makes transparent, in Pillow's reading: the low byte of each sample.</summary>
    public int? TransparentColour(ReadOnlySpan<byte> transparency) => Mode switch
    {
        ImageMode.Bilevel when transparency.Length >= 2 => BinaryPrimitives.ReadUInt16BigEndian(transparency) == 0 ? 0 : 255,
        ImageMode.L when transparency.Length >= 2 => transparency[1],
        ImageMode.RGB when transparency.Length >= 6 => (transparency[1] << 16) | (transparency[3] << 8) | transparency[5],
        _ => null,
    };

    /// <summary>Bytes of the pixels before compression: for each row one that names the filter, then its samples, padded to whole bytes.</summary>
    public long RawBytes(int width, int height) => height * (1 + (((long)width * BitsPerPixel + 7) / 8));
}
