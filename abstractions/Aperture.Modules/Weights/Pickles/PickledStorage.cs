using System.Runtime.InteropServices;

namespace Aperture.Weights;

/// <summary>A storage that tensors of a saved object share: its bytes in the mapped file, or a copy of them where the file does not align them.</summary>
internal sealed unsafe class PickledStorage : IDisposable
{
    private readonly Lock _gate = new();
    private ViewedMemory? _copy;

    public PickledStorage(string key, StoredType type, long count)
    {
        Key = key;
        Type = type;
        Count = count;
    }

    public string Key { get; }

    /// <summary>The element type it was saved with; bytes for an untyped storage.</summary>
    public StoredType Type { get; }

    public long Count { get; }

    public long ByteLength => Count * (Type.Bits / 8);

    /// <summary>Where its bytes begin in the file; -1 until the file's reader has found them.</summary>
    public long FileOffset { get; set; } = -1;

    /// <summary>
    /// The bytes, aligned for elements of <paramref name="alignment"/> bytes, and the memory they lie in. A copy is made at most once, so that tensors keep
    /// sharing memory.
    /// </summary>
    public byte* Data(MappedFile file, int alignment, out ViewedMemory memory)
    {
        byte* mapped = file.Start + FileOffset;
        lock (_gate)
        {
            if (_copy is null && (nuint)mapped % (nuint)alignment == 0)
            {
                memory = file.Memory;
                return mapped;
            }

            memory = _copy ??= Copy(mapped);
            return memory.Start;
        }
    }

    public void Dispose() => _copy?.Dispose();

    private ViewedMemory Copy(byte* source)
    {
        byte* copy = (byte*)NativeMemory.AlignedAlloc((nuint)ByteLength, 64);
        NativeMemory.Copy(source, copy, (nuint)ByteLength);
        return new ViewedMemory(copy, () => NativeMemory.AlignedFree(copy));
    }
}
