using System.Buffers.Binary;
using System.IO.Compression;
using Aperture.Pipelines;

namespace Aperture.Workshop;

/// <summary>The Fashion-MNIST photographs of the kinds that shelves hold: 28 x 28 grey values, bright on black.</summary>
public sealed class FashionItems
{
    /// <summary>Side of a photograph in pixels.</summary>
    public const int Side = 28;

    /// <summary>Where Debian's package <c>dataset-fashion-mnist</c> puts its files.</summary>
    public const string DebianFolder = "/usr/share/datasets/fashion-mnist";

    private const int ImageMagic = 0x803, LabelMagic = 0x801, ImageHeader = 16, LabelHeader = 8, MostItems = 1_000_000;
    private readonly byte[][][] _byKind;

    private FashionItems(byte[][][] byKind) => _byKind = byKind;

    /// <summary>Number of photographs of a kind.</summary>
    /// <param name="kind">Index into <see cref="ShelfWords.Kinds"/>.</param>
    public int Count(int kind) => _byKind[kind].Length;

    /// <summary>The grey values of one photograph, row by row.</summary>
    /// <param name="kind">Index into <see cref="ShelfWords.Kinds"/>.</param>
    /// <param name="index">Which one.</param>
    public ReadOnlySpan<byte> Pixels(int kind, int index) => _byKind[kind][index];

    /// <summary>Reads one part.</summary>
    /// <param name="part">Which part.</param>
    /// <param name="folder">Folder of the <c>idx.gz</c> files; null for <see cref="DebianFolder"/>.</param>
    /// <exception cref="ApertureException">A file is missing or damaged.</exception>
    public static FashionItems Load(ShelfPart part, string? folder = null)
    {
        folder ??= DebianFolder;
        string stem = Path.Combine(folder, part == ShelfPart.Training ? "train" : "t10k");
        byte[] images = Read(stem + "-images-idx3-ubyte.gz");
        byte[] labels = Read(stem + "-labels-idx1-ubyte.gz");
        int count = Header(images, ImageMagic, ImageHeader, stem + "-images-idx3-ubyte.gz");
        int labelled = Header(labels, LabelMagic, LabelHeader, stem + "-labels-idx1-ubyte.gz");
        if (count != labelled || images.LongLength != ImageHeader + ((long)count * Side * Side) || labels.LongLength != LabelHeader + (long)count
            || BinaryPrimitives.ReadInt32BigEndian(images.AsSpan(8)) != Side || BinaryPrimitives.ReadInt32BigEndian(images.AsSpan(12)) != Side)
        {
            throw new ApertureException(
                $"The Fashion-MNIST files of '{folder}' do not belong together ({count} pictures, {labelled} labels); "
                + "install them again: apt-get install --reinstall dataset-fashion-mnist.");
        }

        List<byte[]>[] byKind = [.. ShelfWords.Kinds.Select(_ => new List<byte[]>())];
        for (int i = 0; i < count; i++)
        {
            int kind = ShelfWords.KindOfLabel(labels[LabelHeader + i]);
            if (kind >= 0)
            {
                byKind[kind].Add(images.AsSpan(ImageHeader + (i * Side * Side), Side * Side).ToArray());
            }
        }

        return new FashionItems([.. byKind.Select(items => items.ToArray())]);
    }

    private static byte[] Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new ApertureException(
                $"'{path}' is missing: shelves are composed from Fashion-MNIST; install it with: apt-get install dataset-fashion-mnist.");
        }

        try
        {
            using FileStream file = File.OpenRead(path);
            using GZipStream unpacked = new(file, CompressionMode.Decompress);
            using MemoryStream bytes = new();
            byte[] block = new byte[1 << 16];
            for (int read; (read = unpacked.Read(block)) > 0;)
            {
                if (bytes.Length + read > ImageHeader + ((long)MostItems * Side * Side))
                {
                    throw new InvalidDataException("it unpacks to more than a million pictures");
                }

                bytes.Write(block, 0, read);
            }

            return bytes.ToArray();
        }
        catch (Exception cause) when (cause is IOException or InvalidDataException or UnauthorizedAccessException)
        {
            throw new ApertureException(
                $"Cannot read '{path}': {cause.Message.TrimEnd('.')}; install it again: apt-get install --reinstall dataset-fashion-mnist.", cause);
        }
    }

    private static int Header(byte[] file, int magic, int length, string path)
    {
        int count = file.Length < length ? -1 : BinaryPrimitives.ReadInt32BigEndian(file.AsSpan(4));
        return count is >= 0 and <= MostItems && BinaryPrimitives.ReadInt32BigEndian(file) == magic
            ? count
            : throw new ApertureException(
                $"'{path}' is not an idx file of Fashion-MNIST; install it again: apt-get install --reinstall dataset-fashion-mnist.");
    }
}
