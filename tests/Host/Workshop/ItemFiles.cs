using System.Buffers.Binary;
using System.IO.Compression;
using Aperture.Workshop;

namespace Aperture.Host.Tests.Workshop;

/// <summary>A folder with made-up Fashion-MNIST files, so that tests need no data set: each label's items are a filled square of their own size.</summary>
public sealed class ItemFiles : IDisposable
{
    public ItemFiles(int itemsPerLabel = 2)
    {
        foreach (string stem in (string[])["train", "t10k"])
        {
            int count = 10 * itemsPerLabel;
            byte[] images = new byte[16 + (count * FashionItems.Side * FashionItems.Side)], labels = new byte[8 + count];
            Header(images, 0x803, count, FashionItems.Side, FashionItems.Side);
            Header(labels, 0x801, count);
            for (int i = 0; i < count; i++)
            {
                int label = i % 10;
                labels[8 + i] = (byte)label;
                Span<byte> pixels = images.AsSpan(16 + (i * FashionItems.Side * FashionItems.Side), FashionItems.Side * FashionItems.Side);
                for (int y = 4; y < 14 + label; y++)
                {
                    pixels.Slice((y * FashionItems.Side) + 4, 10 + label).Fill(200);
                }
            }

            Write($"{stem}-images-idx3-ubyte.gz", images);
            Write($"{stem}-labels-idx1-ubyte.gz", labels);
        }
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("aperture-items").FullName;

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static void Header(Span<byte> file, params int[] values)
    {
        for (int i = 0; i < values.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(file[(4 * i)..], values[i]);
        }
    }

    private void Write(string name, byte[] bytes)
    {
        using FileStream file = File.Create(Path.Combine(Folder, name));
        using GZipStream packed = new(file, CompressionLevel.Fastest);
        packed.Write(bytes);
    }
}
