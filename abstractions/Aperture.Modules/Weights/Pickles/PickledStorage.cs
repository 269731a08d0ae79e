using System.Runtime.InteropServices;

namespace Aperture.Weights;

/// <summary>A storage that tensors of a saved object share: its bytes in the mapped file, or a copy of them where the file does not align them.</summary>
internal sealed unsafe class PickledStorage : IDisposable
{
    private byte* _copy;

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

    /// <summary>The bytes, aligned for elements of <paramref name="alignment"/> bytes. A copy is made at most once, so that tensors keep sharing memory.</summary>
    public byte* Data(MappedFile file, int alignment)
    {
        if (_copy is not null)
        {
            return _copy;
        }

        var mapped = file.Start + FileOffset;
        if ((nuint)mapped % (nuint)alignment == 0)
        {
            return mapped;
        }

        _copy = (byte*)NativeMemory.AlignedAlloc((nuint)ByteLength, 64);
        NativeMemory.Copy(mapped, _copy, (nuint)ByteLength);
        return _copy;
    }

    public void Dispose()
    {
        NativeMemory.AlignedFree(_copy);
        _copy = null;
    }
}
