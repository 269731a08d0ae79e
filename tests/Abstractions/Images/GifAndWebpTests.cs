using System.Buffers.Binary;
using Aperture.Images;
using SkiaSharp;

namespace Aperture.Abstractions.Tests.Images;

/// <summary>First frames on their canvas, rows in any order, and indices as they are.</summary>
public sealed class GifAndWebpTests
{
    [Fact]
    public void Every_index_of_a_palette_of_one_colour_is_kept()
    {
        int[] indices = [.. Enumerable.Range(0, 256).Concat(Enumerable.Range(0, 256).Reverse())];

        Image image = Image.Decode(Gif(32, 16, 0, 0, 32, 16, flags: 0, transparent: -1, indices));

        Assert.Equal(ImageMode.P, image.Mode);
        Assert.Equal(indices, image.Pixels.ToArray().Select(value => (int)value));
    }

    [Fact]
    public void Interlaced_frames_of_every_height_have_their_rows_in_order()
    {
        for (int height = 1; height <= 20; height++)
        {
            int[] order =
            [
                .. Enumerable.Range(0, height).Where(y => y % 8 == 0), .. Enumerable.Range(0, height).Where(y => y % 8 == 4),
                .. Enumerable.Range(0, height).Where(y => y % 4 == 2), .. Enumerable.Range(0, height).Where(y => y % 2 == 1),
            ];

            Image image = Image.Decode(Gif(1, height, 0, 0, 1, height, flags: 0x40, transparent: -1, order));

            Assert.Equal(Enumerable.Range(0, height), image.Pixels.ToArray().Select(value => (int)value));
        }
    }

    [Fact]
    public void What_lies_beside_the_first_frame_is_transparent()
    {
        Image image = Image.Decode(Gif(3, 2, 1, 1, 2, 1, flags: 0, transparent: 9, [9, 5]));

        Assert.Equal([9, 9, 9, 9, 9, 5], image.Pixels.ToArray());
        Assert.Equal(new byte[] { 0, 0, 0, 0, 0, 255 }, image.ConvertToRgba().Pixels.ToArray().Where((_, i) => i % 4 == 3));
    }

    [Fact]
    public void Codes_that_end_too_early_or_refer_to_nothing_are_refused()
    {
        byte[] early = Gif(2, 2, 0, 0, 2, 2, flags: 0, transparent: -1, [1, 2, 3]);
        byte[] nothing = Gif(2, 2, 0, 0, 2, 2, flags: 0, transparent: -1, [1, 300, 3, 4]);

        Assert.Contains("ends before", Assert.Throws<ApertureException>(() => Image.Decode(early, "early.gif")).Message);
        Assert.Contains("refers to nothing", Assert.Throws<ApertureException>(() => Image.Decode(nothing, "nothing.gif")).Message);
    }

    [Fact]
    public void The_first_frame_of_an_animated_webp_lies_on_its_canvas()
    {
        Image frame = PilResizeTests.Noise(ImageMode.RGB, 6, 4, seed: 3);
        byte[] file = Webp(frame);
        byte[] chunk = file[file.AsSpan().IndexOf("VP8L"u8)..];

        Image image = Image.Decode(Animated(10, 6, 2, 2, 6, 4, chunk));

        Assert.Equal((ImageMode.RGBA, 10, 6), (image.Mode, image.Width, image.Height));
        Assert.Equal(frame.Pixels, image.ConvertToRgb().Crop(2, 2, 6, 4).Pixels);
        Assert.Equal(24, image.Pixels.ToArray().Where((value, i) => i % 4 == 3 && value == 255).Count());
        Assert.Equal(0, image.Pixels.ToArray().Where((value, i) => i % 4 == 3 && value != 255).Sum(value => value));
        Assert.Equal(ImageMode.RGB, Image.Decode(Animated(6, 4, 0, 0, 6, 4, chunk)).Mode);
        Assert.Contains("canvas", Assert.Throws<ApertureException>(() => Image.Decode(Animated(7, 4, 2, 0, 6, 4, chunk), "small.webp")).Message);
    }

    [Fact]
    public void A_webp_chunk_that_is_longer_than_its_file_is_refused()
    {
        byte[] file = Webp(PilResizeTests.Noise(ImageMode.RGB, 6, 4, seed: 3));
        BinaryPrimitives.WriteInt32LittleEndian(file.AsSpan(file.AsSpan().IndexOf("VP8L"u8) + 4), file.Length);

        Assert.Contains("ends before", Assert.Throws<ApertureException>(() => Image.Decode(file, "long.webp")).Message);
    }

    private static byte[] Webp(Image image)
    {
        using SKBitmap bitmap = SKBitmap.Decode(image.EncodePng());
        using SKPixmap pixels = bitmap.PeekPixels()!;
        using SKData data = pixels.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossless, 100))!;
        return data.ToArray();
    }

    private static byte[] Animated(int canvasWidth, int canvasHeight, int left, int top, int width, int height, byte[] chunk)
    {
        byte[] canvas = Chunk("VP8X"u8, [2, 0, 0, 0, (byte)(canvasWidth - 1), 0, 0, (byte)(canvasHeight - 1), 0, 0]);
        byte[] place = [(byte)(left / 2), 0, 0, (byte)(top / 2), 0, 0, (byte)(width - 1), 0, 0, (byte)(height - 1), 0, 0, 100, 0, 0, 0];
        return [.. "RIFF"u8, 0, 0, 0, 0, .. "WEBP"u8, .. canvas, .. Chunk("ANIM"u8, new byte[6]), .. Chunk("ANMF"u8, [.. place, .. chunk])];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, byte[] payload)
    {
        byte[] chunk = [.. type, 0, 0, 0, 0, .. payload, .. new byte[payload.Length & 1]];
        BinaryPrimitives.WriteInt32LittleEndian(chunk.AsSpan(4), payload.Length);
        return chunk;
    }

    // 256 times the same colour; each index is written as a 9-bit code, with a clear code before it so that the codes never grow.
    private static byte[] Gif(int screenWidth, int screenHeight, int left, int top, int width, int height, int flags, int transparent, int[] indices)
    {
        List<bool> bits = [];
        foreach (int code in indices.SelectMany(index => new[] { 256, index }).Append(257))
        {
            bits.AddRange(Enumerable.Range(0, 9).Select(bit => ((code >> bit) & 1) != 0));
        }

        byte[] data = [.. bits.Chunk(8).Select(chunk => (byte)chunk.Select((bit, i) => bit ? 1 << i : 0).Sum())];
        byte[] control = transparent < 0 ? [] : [0x21, 0xF9, 4, 1, 0, 0, (byte)transparent, 0];
        return
        [
            .. "GIF89a"u8, (byte)screenWidth, 0, (byte)screenHeight, 0, 0xF7, 0, 0, .. Enumerable.Repeat((byte)77, 768), .. control,
            (byte)',', (byte)left, 0, (byte)top, 0, (byte)width, 0, (byte)height, 0, (byte)flags, 8,
            .. data.Chunk(255).SelectMany(block => block.Prepend((byte)block.Length)), 0, (byte)';',
        ];
    }
}
