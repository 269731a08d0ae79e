namespace Aperture.Text;

/// <summary>Reads the wire format of protocol buffers; every length is checked against what is left.</summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> data, string source)
{
    private readonly string _source = source;
    private ReadOnlySpan<byte> _rest = data;

    /// <summary>Number of the field that was read last.</summary>
    public int Field { get; private set; }

    /// <summary>Value of a field of wire type 0, 1 or 5.</summary>
    public ulong Value { get; private set; }

    /// <summary>Bytes of a field of wire type 2.</summary>
    public ReadOnlySpan<byte> Bytes { get; private set; }

    public bool Read()
    {
        if (_rest.IsEmpty)
        {
            return false;
        }

        ulong key = Varint();
        Field = (int)Math.Min(key >> 3, int.MaxValue);
        Bytes = default;
        Value = 0;
        switch (key & 7)
        {
            case 0:
                Value = Varint();
                break;
            case 1:
                Value = BitConverter.ToUInt64(Take(8));
                break;
            case 2:
                Bytes = Take(Varint());
                break;
            case 5:
                Value = BitConverter.ToUInt32(Take(4));
                break;
            default:
                throw Damaged();
        }

        return true;
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (int i = 0; i < 10 && i < _rest.Length; i++)
        {
            value |= (ulong)(_rest[i] & 0x7F) << (7 * i);
            if (_rest[i] < 0x80)
            {
                _rest = _rest[(i + 1)..];
                return value;
            }
        }

        throw Damaged();
    }

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)_rest.Length)
        {
            throw Damaged();
        }

        ReadOnlySpan<byte> taken = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return taken;
    }

    private readonly ApertureException Damaged() => new($"{_source} is no SentencePiece model or is cut short; fetch it again.");
}
