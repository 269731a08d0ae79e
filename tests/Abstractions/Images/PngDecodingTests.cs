using System.Buffers.Binary;
using System.IO.Compression;
using Aperture.Images;

namespace Aperture.Abstractions.Tests.Images;

/// <summary>Files of every colour type and depth, whole and interlaced, written here sample by sample.</summary>
public sealed class PngDecodingTests
{
    private static readonly (int X, int Y, int StepX, int StepY)[] _passes =
        [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

    public static TheoryData<int, int, bool> Kinds
    {
        get
        {
            TheoryData<int, int, bool> kinds = [];
            foreach ((int type, int[] depths) in new[] { (0, new[] { 1, 2, 4, 8, 16 }), (2, [8, 16]), (3, [1, 2, 4, 8]), (4, [8, 16]), (6, [8, 16]) })
            {
                foreach (int depth in depths)
                {
                    kinds.Add(type, depth, false);
                    kinds.Add(type, depth, true);
                }
            }

            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Every_sample_comes_out_as_Pillow_has_it(int type, int depth, bool interlaced)
    {
        for (int width = 1; width <= 10; width++)
        {
            for (int height = 1; height <= 10; height++)
            {
                Image image = Image.Decode(Png(type, depth, width, height, interlaced));

                Assert.Equal((width, height), (image.Width, image.Height));
                Assert.Equal(Expected(type, depth, width, height), image.Mode == ImageMode.I ? image.IntegerPixels.ToArray() : [.. image.Pixels]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_file_cut_off_anywhere_is_refused(int type, int depth, bool interlaced)
    {
        byte[] file = Png(type, depth, 9, 9, interlaced);
        int data = file.AsSpan().IndexOf("IDAT"u8) + 4, end = file.Length - 12 - 4; // of the pixels, without their checksum
        for (int length = data; length < end - 4; length++)
        {
            ApertureException error = Assert.Throws<ApertureException>(() => Image.Decode(file.AsSpan(0, length), "cut.png"));
            Assert.Contains("cut.png", error.Message);
        }
    }

    private static int Channels(int type) => type switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };

    private static int Sample(int x, int y, int channel, int depth) => ((x * 40503) + (y * 30011) + (channel * 20173) + (x * y * 977)) & ((1 << depth) - 1);

    private static int[] Expected(int type, int depth, int width, int height)
    {
        List<int> values = [];
        for (int y = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++)
            {
                int[] samples = [.. Enumerable.Range(0, Channels(type)).Select(c => Sample(x, y, c, depth))];
                values.AddRange((type, depth) switch
                {
                    (0, 16) or (3, _) => samples,
                    (0, < 8) => [samples[0] * 255 / ((1 << depth) - 1)],
                    (4, 16) => [samples[0] >> 8, samples[0] >> 8, samples[0] >> 8, samples[1] >> 8],
                    (_, 16) => samples.Select(value => value >> 8),
                    _ => samples,
                });
            }
        }

        return [.. values];
    }

    private static byte[] Png(int type, int depth, int width, int height, bool interlaced)
    {
        List<byte> raw = [];
        foreach ((int startX, int startY, int stepX, int stepY) in interlaced ? _passes : [(0, 0, 1, 1)])
        {
            for (int y = startY; y < height && startX < width; y += stepY)
            {
                List<bool> bits = [];
                for (int x = startX; x < width; x += stepX)
                {
                    for (int c = 0; c < Channels(type); c++)
                    {
                        int sample = Sample(x, y, c, depth);
                        bits.AddRange(Enumerable.Range(0, depth).Select(bit => ((sample >> (depth - 1 - bit)) & 1) != 0));
                    }
                }

                raw.Add(0); // no filter
                raw.AddRange(bits.Chunk(8).Select(chunk => (byte)chunk.Select((bit, i) => bit ? 0x80 >> i : 0).Sum()));
            }
        }

        using MemoryStream packed = new();
        using (ZLibStream deflate = new(packed, CompressionLevel.NoCompression, leaveOpen: true))
        {
            deflate.Write([.. raw]);
        }

        byte[] header = [0, 0, 0, (byte)width, 0, 0, 0, (byte)height, (byte)depth, (byte)type, 0, 0, (byte)(interlaced ? 1 : 0)];
        byte[] palette = type == 3 ? Chunk("PLTE"u8, [.. Enumerable.Range(0, 3 << depth).Select(i => (byte)(7 * (i / 6)))]) : []; // each colour twice
        return [.. PngReader.Signature, .. Chunk("IHDR"u8, header), .. palette, .. Chunk("IDAT"u8, packed.ToArray()), .. Chunk("IEND"u8, [])];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, byte[] payload)
    {
        byte[] chunk = [0, 0, 0, 0, .. type, .. payload, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(chunk, payload.Length);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - 4), PngChecksum.Compute(chunk.AsSpan(4, 4 + payload.Length)));
        return chunk;
    }
}
