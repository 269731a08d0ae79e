using System.Buffers.Binary;
using System.Text;

namespace Aperture.Text;

/// <summary>SentencePiece's precompiled normalisation: a double-array trie from UTF-8 prefixes to replacements.</summary>
internal sealed class CharacterMap
{
    private readonly uint[] _units;
    private readonly byte[] _texts;

    public CharacterMap(ReadOnlySpan<byte> blob, string source)
    {
        if (blob.Length < 4)
        {
            throw new ApertureException($"{source}: the normalisation table has {blob.Length} bytes; the file is damaged.");
        }

        uint size = BinaryPrimitives.ReadUInt32LittleEndian(blob);
        if (size > (uint)(blob.Length - 4) || size % 4 != 0)
        {
            throw new ApertureException($"{source}: the normalisation table claims {size} bytes of {blob.Length - 4}; the file is damaged.");
        }

        _units = new uint[size / 4];
        for (int i = 0; i < _units.Length; i++)
        {
            _units[i] = BinaryPrimitives.ReadUInt32LittleEndian(blob[(4 + (4 * i))..]);
        }

        _texts = blob[(4 + (int)size)..].ToArray();
    }

    /// <summary>Finds the longest prefix with a replacement.</summary>
    /// <param name="utf8">The input.</param>
    /// <param name="length">Bytes of the prefix.</param>
    /// <param name="replacement">What replaces it.</param>
    public bool TryMatch(ReadOnlySpan<byte> utf8, out int length, out ReadOnlySpan<byte> replacement)
    {
        length = 0;
        int value = 0;
        if (_units.Length > 0)
        {
            uint node = Offset(_units[0]);
            for (int i = 0; i < utf8.Length; i++)
            {
                node ^= utf8[i];
                if (node >= (uint)_units.Length || (_units[node] & ((1U << 31) | 0xFF)) != utf8[i])
                {
                    break;
                }

                uint unit = _units[node];
                node ^= Offset(unit);
                if (((unit >> 8) & 1) == 1)
                {
                    if (node >= (uint)_units.Length)
                    {
                        break;
                    }

                    value = (int)(_units[node] & 0x7FFF_FFFF);
                    length = i + 1;
                }
            }
        }

        if (length == 0 || value >= _texts.Length)
        {
            length = 0;
            replacement = default;
            return false;
        }

        replacement = _texts.AsSpan(value);
        int end = replacement.IndexOf((byte)0);
        replacement = end < 0 ? replacement : replacement[..end];
        return true;
    }

    /// <summary>Replaces every longest match of a text.</summary>
    public string Apply(string text)
    {
        Span<byte> utf8 = Encoding.UTF8.GetBytes(text).AsSpan();
        using MemoryStream result = new(utf8.Length);
        while (!utf8.IsEmpty)
        {
            if (TryMatch(utf8, out int length, out ReadOnlySpan<byte> replacement))
            {
                result.Write(replacement);
            }
            else
            {
                Rune.DecodeFromUtf8(utf8, out _, out length);
                result.Write(utf8[..length]);
            }

            utf8 = utf8[length..];
        }

        return Encoding.UTF8.GetString(result.GetBuffer(), 0, (int)result.Length);
    }

    private static uint Offset(uint unit) => (unit >> 10) << (int)((unit & (1U << 9)) >> 6);
}
