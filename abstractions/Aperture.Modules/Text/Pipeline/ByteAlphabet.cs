using System.Text;
using Aperture.Measuring;

namespace Aperture.Text;

/// <summary>GPT-2's alphabet: one printable character for each of the 256 bytes.</summary>
internal static class ByteAlphabet
{
    private static readonly char[] _characters = Characters();
    private static readonly Dictionary<char, byte> _bytes = Enumerable.Range(0, 256).ToDictionary(b => _characters[b], b => (byte)b);

    public static char Of(int value) => _characters[value];

    public static string Encode(ReadOnlySpan<char> text)
    {
        byte[] bytes = new byte[Encoding.UTF8.GetMaxByteCount(text.Length)];
        int count = Encoding.UTF8.GetBytes(text, bytes);
        return string.Create(count, bytes, static (span, source) =>
        {
            for (int i = 0; i < span.Length; i++)
            {
                span[i] = _characters[source[i]];
            }
        });
    }

    /// <summary>Appends the bytes of a token; a token with a character outside the alphabet counts as plain text.</summary>
    public static void Decode(string token, List<byte> bytes)
    {
        int before = bytes.Count;
        foreach (char c in token)
        {
            if (!_bytes.TryGetValue(c, out byte value))
            {
                bytes.RemoveRange(before, bytes.Count - before);
                bytes.AddRange(Encoding.UTF8.GetBytes(token));
                return;
            }

            bytes.Add(value);
        }
    }

    private static char[] Characters()
    {
        char[] characters = new char[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
        {
            characters[b] = b is (>= 33 and <= 126) or (>= 161 and <= 172) or >= 174 ? (char)b : (char)next++;
        }

        return characters;
    }
}
