using System.Buffers.Binary;
using System.Text;

namespace Aperture.Foreign.Tests;

/// <summary>Reads the fields of a protobuf message.</summary>
internal static class Protobuf
{
    private const int Varint = 0, Eight = 1, Bytes = 2, Four = 5, Continues = 0x80, PayloadBits = 7;

    /// <summary>The fields in order: number, the value of one that is a number, the bytes of all others.</summary>
    public static List<(int Field, long Number, ReadOnlyMemory<byte> Bytes)> Fields(ReadOnlyMemory<byte> message)
    {
        List<(int Field, long Number, ReadOnlyMemory<byte> Bytes)> fields = [];
        int at = 0;
        while (at < message.Length)
        {
            long key = Read(message.Span, ref at);
            (int field, int kind) = ((int)(key >> 3), (int)(key & 7));
            long number = kind == Varint ? Read(message.Span, ref at) : 0;
            int length = kind switch
            {
                Varint => 0,
                Eight => 8,
                Four => 4,
                Bytes => (int)Read(message.Span, ref at),
                _ => throw new InvalidDataException($"wire type {kind}"),
            };
            fields.Add((field, number, message.Slice(at, length)));
            at += length;
        }

        return fields;
    }

    public static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);

    /// <summary>Numbers of a packed field.</summary>
    public static List<long> Numbers(ReadOnlyMemory<byte> packed)
    {
        List<long> numbers = [];
        int at = 0;
        while (at < packed.Length)
        {
            numbers.Add(Read(packed.Span, ref at));
        }

        return numbers;
    }

    public static float[] Singles(ReadOnlyMemory<byte> bytes)
    {
        float[] values = new float[bytes.Length / sizeof(float)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = BinaryPrimitives.ReadSingleLittleEndian(bytes.Span[(i * sizeof(float))..]);
        }

        return values;
    }

    private static long Read(ReadOnlySpan<byte> bytes, ref int at)
    {
        long value = 0;
        for (int shift = 0; ; shift += PayloadBits)
        {
            byte next = bytes[at++];
            value |= (long)(next & (Continues - 1)) << shift;
            if ((next & Continues) == 0)
            {
                return value;
            }
        }
    }
}
