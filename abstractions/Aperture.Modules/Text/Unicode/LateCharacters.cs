using System.Globalization;
using System.Text;

namespace Aperture.Text;

/// <summary>
/// Marks and punctuation that Unicode assigned after version 8: the tables of Hugging Face's tokenizers do not have them, so that its accent strippers leave
/// such marks in place and its splitters such punctuation in its word (found by asking the library about every one there is).
/// </summary>
internal static class LateCharacters
{
    private const string Marks = """
        7FD 897-89F 8CA-8E1 9FE AFA-AFF B55 C04 C3C D00 D3B-D3C D81 EBA ECE 180F 1885-1886 1ABF-1ACE 1DF6-1DFB A82C A8C5 A8FF A9BD 10D24-10D27 10D69-10D6D
        10EAB-10EAC 10EFC-10EFF 10F46-10F50 10F82-10F85 11070 11073-11074 110C2 111C9 111CF 1123E 11241 1133B 113BB-113C0 113CE 113D0 113D2 113E1-113E2
        11438-1143F 11442-11444 11446 1145E 1182F-11837 11839-1183A 1193B-1193C 1193E 11943 119D4-119D7 119DA-119DB 119E0 11A01-11A0A 11A33-11A38 11A3B-11A3E
        11A47 11A51-11A56 11A59-11A5B 11A8A-11A96 11A98-11A99 11C30-11C36 11C38-11C3D 11C3F 11C92-11CA7 11CAA-11CB0 11CB2-11CB3 11CB5-11CB6 11D31-11D36 11D3A
        11D3C-11D3D 11D3F-11D45 11D47 11D90-11D91 11D95 11D97 11EF3-11EF4 11F00-11F01 11F36-11F3A 11F40 11F42 11F5A 13440 13447-13455 1611E-16129 1612D-1612F
        16F4F 16FE4 1CF00-1CF2D 1CF30-1CF46 1E000-1E006 1E008-1E018 1E01B-1E021 1E023-1E024 1E026-1E02A 1E08F 1E130-1E136 1E2AE 1E2EC-1E2EF 1E4EC-1E4EF
        1E5EE-1E5EF 1E944-1E94A
        """;

    private const string Punctuation = """
        61D 9FD A76 C77 C84 1B4E-1B4F 1B7D-1B7F 2E43-2E4F 2E52-2E5D 10D6E 10EAD 10F55-10F59 10F86-10F89 113D4-113D5 113D7-113D8 1144B-1144F 1145A-1145B 1145D
        11660-1166C 116B9 1183B 11944-11946 119E2 11A3F-11A46 11A9A-11A9C 11A9E-11AA2 11B00-11B09 11BE1 11C41-11C45 11C70-11C71 11EF7-11EF8 11F43-11F4F 11FFF
        12FF1-12FF2 16D6D-16D6F 16E97-16E9A 16FE2 1E5FF 1E95E-1E95F
        """;

    private static readonly (int First, int Last)[] _marks = Read(Marks), _punctuation = Read(Punctuation);

    /// <summary>Whether a mark is one of them.</summary>
    public static bool HasMark(Rune rune) => Contains(_marks, rune);

    /// <summary>Whether a punctuation sign is one of them.</summary>
    public static bool HasPunctuation(Rune rune) => Contains(_punctuation, rune);

    private static bool Contains((int First, int Last)[] ranges, Rune rune)
    {
        int low = 0, high = ranges.Length - 1;
        while (low <= high)
        {
            int middle = (low + high) / 2;
            (int first, int last) = ranges[middle];
            if (rune.Value >= first && rune.Value <= last)
            {
                return true;
            }

            (low, high) = rune.Value < first ? (low, middle - 1) : (middle + 1, high);
        }

        return false;
    }

    private static (int First, int Last)[] Read(string ranges)
        =>
        [
            .. ranges.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Select(range => range.Split('-'))
                .Select(ends => (Code(ends[0]), Code(ends[^1]))),
        ];

    private static int Code(string hexadecimal) => int.Parse(hexadecimal, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
}
