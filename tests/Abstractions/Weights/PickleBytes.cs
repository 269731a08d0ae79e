using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;

namespace Aperture.Abstractions.Tests.Weights;

/// <summary>Writes pickles opcode by opcode, and the files of torch.save around them.</summary>
internal sealed class PickleBytes
{
    private readonly List<byte> _bytes = [];

    public PickleBytes() => Raw(0x80, 2);

    public PickleBytes Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PickleBytes Mark() => Raw((byte)'(');

    public PickleBytes Tuple() => Raw((byte)'t');

    public PickleBytes Dictionary() => Raw((byte)'}');

    public PickleBytes SetItems() => Raw((byte)'u');

    public PickleBytes Reduce() => Raw((byte)'R');

    public PickleBytes Global(string module, string name) => Raw(Encoding.UTF8.GetBytes($"c{module}\n{name}\n"));

    public PickleBytes Text(string text)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(text);
        byte[] length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, utf8.Length);
        return Raw((byte)'X').Raw(length).Raw(utf8);
    }

    public PickleBytes Int(int value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, value);
        return Raw((byte)'J').Raw(bytes);
    }

    /// <summary>A float tensor on a storage of <paramref name="count"/> elements.</summary>
    public PickleBytes Tensor(string key, int count, int offset, int[] shape, int[] strides, bool legacy = false)
    {
        Global("torch._utils", "_rebuild_tensor_v2").Mark();
        return Storage(key, count, legacy).Window(offset, shape, strides);
    }

    /// <summary>A float tensor on a storage that is a file of its own within the pickle, as modules are pickled without torch.save.</summary>
    public PickleBytes NestedTensor(params float[] values)
    {
        byte[] file = Legacy(new PickleBytes().Storage("1", values.Length, legacy: true).Stop(), ("1", values));
        Global("torch._utils", "_rebuild_tensor_v2").Mark();
        Global("torch.storage", "_load_from_bytes").Mark().Raw((byte)'B').Raw(BitConverter.GetBytes(file.Length)).Raw(file).Tuple().Reduce();
        return Window(0, [values.Length], [1]);
    }

    private PickleBytes Storage(string key, int count, bool legacy)
    {
        Mark().Text("storage").Global("torch", "FloatStorage").Text(key).Text("cpu").Int(count);
        return (legacy ? Raw((byte)'N') : this).Tuple().Raw((byte)'Q');
    }

    private PickleBytes Window(int offset, int[] shape, int[] strides) =>
        Int(offset).Ints(shape).Ints(strides).Raw(0x89).Global("collections", "OrderedDict").Raw((byte)')').Reduce().Tuple().Reduce();

    public PickleBytes Ints(int[] values)
    {
        Mark();
        Array.ForEach(values, value => Int(value));
        return Tuple();
    }

    public byte[] Stop() => Raw((byte)'.')._bytes.ToArray();

    /// <summary>The zip format around a pickle.</summary>
    public static byte[] Zip(byte[] pickle, params (string Name, byte[] Bytes)[] entries)
    {
        MemoryStream stream = new();
        using (ZipArchive zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string? name, byte[]? bytes) in entries.Prepend(("data.pkl", pickle)))
            {
                using Stream entry = zip.CreateEntry($"archive/{name}", CompressionLevel.NoCompression).Open();
                entry.Write(bytes);
            }
        }

        return stream.ToArray();
    }

    /// <summary>The format before 1.6 around a pickle.</summary>
    public static byte[] Legacy(byte[] pickle, params (string Key, float[] Values)[] storages)
    {
        MemoryStream stream = new();
        stream.Write(new PickleBytes().Raw(0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19).Stop());
        stream.Write(new PickleBytes().Int(1001).Stop());
        stream.Write(new PickleBytes().Dictionary().Mark().Text("little_endian").Raw(0x88).SetItems().Stop());
        stream.Write(pickle);
        PickleBytes keys = new PickleBytes().Raw((byte)']').Mark();
        Array.ForEach(storages, storage => keys.Text(storage.Key));
        stream.Write(keys.Raw((byte)'e').Stop());
        foreach ((string _, float[]? values) in storages)
        {
            stream.Write(BitConverter.GetBytes((long)values.Length));
            stream.Write(Floats(values));
        }

        return stream.ToArray();
    }

    public static byte[] Floats(params float[] values) => [.. values.SelectMany(BitConverter.GetBytes)];
}
