using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Aperture.Files;

/// <summary>
/// Changes the bytes of good files as damage and malice do, for tests of whatever reads them: bits and bytes, lengths and counts at their limits, pieces cut
/// out, doubled or taken from another file, and in texts, tokens that are right in the wrong place. The same seed gives the same changes.
/// </summary>
/// <param name="seed">The seed.</param>
public sealed class ByteMutator(int seed)
{
    private const int MostChanges = 4;

    private static readonly long[] _limits = [0, 1, -1, 2, 127, 128, 255, 256, 32767, 65535, 1 << 20, int.MaxValue, int.MinValue, uint.MaxValue, long.MaxValue];

    private static readonly string[] _tokens =
    [
        "null", "true", "-1", "0", "1e999", "0.5", "9223372036854775808", "2147483648", "\"\"", "[]", "{}", "[[[[[[[[", "\"\\ud800\"", "\"\\u0000\"",
        "\"../x\"", "{\"a\":1,\"a\":2}", "\"\u2028👟\"", ",", ":", "\\", "\n", "\uFEFF",
    ];

    private readonly Random _random = new(seed);

    /// <summary>Makes a changed copy.</summary>
    /// <param name="file">A good file.</param>
    /// <param name="other">Another of its kind, to take pieces from; the same where there is none.</param>
    /// <param name="isText">Whether it is text, where whole tokens are exchanged too.</param>
    /// <returns>The copy, with one to four changes.</returns>
    public byte[] Change(ReadOnlySpan<byte> file, ReadOnlySpan<byte> other, bool isText = false)
    {
        List<byte> bytes = [.. file];
        for (int changes = _random.Next(MostChanges) + 1; changes > 0; changes--)
        {
            Change(bytes, other, isText);
        }

        return [.. bytes];
    }

    private void Change(List<byte> bytes, ReadOnlySpan<byte> other, bool isText)
    {
        if (bytes.Count == 0)
        {
            bytes.Add((byte)_random.Next(256));
            return;
        }

        int at = _random.Next(bytes.Count), length = Math.Min(_random.Next(1, 17), bytes.Count - at);
        switch (_random.Next(isText ? 11 : 8))
        {
            case 0:
                bytes[at] ^= (byte)(1 << _random.Next(8));
                break;
            case 1:
                bytes[at] = (byte)_random.Next(256);
                break;
            case 2:
                bytes.RemoveRange(at, length);
                break;
            case 3:
                bytes.InsertRange(_random.Next(bytes.Count), bytes.GetRange(at, length));
                break;
            case 4:
                bytes.RemoveRange(at, bytes.Count - at);
                break;
            case 5 or 6:
                Limit(bytes, at);
                break;
            case 7:
                Splice(bytes, at, other);
                break;
            default:
                Token(bytes, at);
                break;
        }
    }

    // A number of 1, 2, 4 or 8 bytes in either order.
    private void Limit(List<byte> bytes, int at)
    {
        Span<byte> number = stackalloc byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(number, _limits[_random.Next(_limits.Length)]);
        number = number[..(1 << _random.Next(4))];
        if (_random.Next(2) == 0)
        {
            number.Reverse();
        }

        for (int i = 0; i < number.Length && at + i < bytes.Count; i++)
        {
            bytes[at + i] = number[i];
        }
    }

    private void Splice(List<byte> bytes, int at, ReadOnlySpan<byte> other)
    {
        if (other.Length == 0)
        {
            return;
        }

        int from = _random.Next(other.Length), length = Math.Min(_random.Next(1, 65), other.Length - from);
        bytes.InsertRange(at, other.Slice(from, length));
    }

    // A word, number or string of the text becomes another token.
    private void Token(List<byte> bytes, int at)
    {
        int start = at, end = at;
        while (start > 0 && IsWord(bytes[start - 1]))
        {
            start--;
        }

        while (end < bytes.Count && IsWord(bytes[end]))
        {
            end++;
        }

        string token = _random.Next(4) == 0
            ? _limits[_random.Next(_limits.Length)].ToString(CultureInfo.InvariantCulture) : _tokens[_random.Next(_tokens.Length)];
        bytes.RemoveRange(start, end - start);
        bytes.InsertRange(start, Encoding.UTF8.GetBytes(token));
    }

    private static bool IsWord(byte value) => char.IsAsciiLetterOrDigit((char)value) || value is (byte)'_' or (byte)'-' or (byte)'.' or (byte)'"';
}
