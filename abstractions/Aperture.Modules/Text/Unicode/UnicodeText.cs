using System.Globalization;
using System.Text;

namespace Aperture.Text;

/// <summary>
/// Unicode normalisation and full lower-casing. The runtime's own normalisation is off under the invariant globalization that this project uses.
/// </summary>
internal static class UnicodeText
{
    private const int HangulBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28;

    private static readonly Tables _tables = Load();

    public static string Nfc(string text) => IsAscii(text) ? text : Compose(Decompose(text, compatible: false));

    public static string Nfd(string text) => IsAscii(text) ? text : ToText(Decompose(text, compatible: false));

    public static string Nfkc(string text) => IsAscii(text) ? text : Compose(Decompose(text, compatible: true));

    public static string Nfkd(string text) => IsAscii(text) ? text : ToText(Decompose(text, compatible: true));

    /// <summary>Lower-cases with the one special mapping (U+0130) and, on request, the final form of sigma.</summary>
    public static string Lower(string text, bool finalSigma)
    {
        StringBuilder result = new(text.Length);
        for (int i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out int used);
            if (rune.Value == 0x130)
            {
                result.Append("i\u0307");
            }
            else if (rune.Value == 0x3A3 && finalSigma && IsFinalSigma(text, i))
            {
                result.Append('\u03C2');
            }
            else
            {
                result.Append(Rune.ToLowerInvariant(rune).ToString());
            }

            i += used;
        }

        return result.ToString();
    }

    /// <summary>Removes non-spacing marks.</summary>
    /// <param name="text">The text.</param>
    /// <param name="keepsLate">Whether marks stay that Hugging Face's tokenizers do not know.</param>
    public static string WithoutMarks(string text, bool keepsLate = false)
    {
        StringBuilder result = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) != UnicodeCategory.NonSpacingMark || (keepsLate && LateCharacters.HasMark(rune)))
            {
                result.Append(rune.ToString());
            }
        }

        return result.ToString();
    }

    private static bool IsAscii(string text) => Ascii.IsValid(text);

    private static bool IsFinalSigma(string text, int at)
    {
        bool before = false;
        for (int i = at; i > 0;)
        {
            Rune.DecodeLastFromUtf16(text.AsSpan(0, i), out Rune rune, out int used);
            i -= used;
            if (!IsCaseIgnorable(rune))
            {
                before = IsCased(rune);
                break;
            }
        }

        if (!before)
        {
            return false;
        }

        for (int i = at + 1; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out int used);
            i += used;
            if (!IsCaseIgnorable(rune))
            {
                return !IsCased(rune);
            }
        }

        return true;
    }

    private static bool IsCased(Rune rune)
        => Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;

    private static bool IsCaseIgnorable(Rune rune) => rune.Value is '\'' or '.' or ':' or 0xB7 or 0x2018 or 0x2019 or 0x2024 or 0x2027
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static List<int> Decompose(string text, bool compatible)
    {
        List<int> points = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            Add(points, rune.Value, compatible);
        }

        for (int i = 1; i < points.Count; i++)
        {
            int order = _tables.Class(points[i]);
            if (order == 0)
            {
                continue;
            }

            int at = i;
            while (at > 0 && _tables.Class(points[at - 1]) > order)
            {
                (points[at - 1], points[at]) = (points[at], points[at - 1]);
                at--;
            }
        }

        return points;
    }

    private static void Add(List<int> points, int point, bool compatible)
    {
        if (point is >= HangulBase and < HangulBase + (LeadCount * VowelCount * TrailCount))
        {
            int index = point - HangulBase;
            points.Add(LeadBase + (index / (VowelCount * TrailCount)));
            points.Add(VowelBase + (index % (VowelCount * TrailCount) / TrailCount));
            if (index % TrailCount != 0)
            {
                points.Add(TrailBase + (index % TrailCount));
            }
        }
        else if (_tables.Canonical.TryGetValue(point, out int[]? parts) || (compatible && _tables.Compatible.TryGetValue(point, out parts)))
        {
            foreach (int part in parts)
            {
                Add(points, part, compatible);
            }
        }
        else
        {
            points.Add(point);
        }
    }

    private static string Compose(List<int> points)
    {
        List<int> result = new(points.Count);
        int starter = -1;
        foreach (int point in points)
        {
            int order = _tables.Class(point);
            if (starter >= 0)
            {
                int last = result.Count - 1 == starter ? -1 : _tables.Class(result[^1]);
                if (last < order && Pair(result[starter], point) is { } composed)
                {
                    result[starter] = composed;
                    continue;
                }
            }

            result.Add(point);
            if (order == 0)
            {
                starter = result.Count - 1;
            }
        }

        return ToText(result);
    }

    private static int? Pair(int first, int second)
    {
        if (first is >= LeadBase and < LeadBase + LeadCount && second is >= VowelBase and < VowelBase + VowelCount)
        {
            return HangulBase + ((((first - LeadBase) * VowelCount) + second - VowelBase) * TrailCount);
        }

        if (first is >= HangulBase and < HangulBase + (LeadCount * VowelCount * TrailCount) && (first - HangulBase) % TrailCount == 0
            && second is > TrailBase and < TrailBase + TrailCount)
        {
            return first + second - TrailBase;
        }

        return _tables.Pairs.TryGetValue((first, second), out int composed) ? composed : null;
    }

    private static string ToText(List<int> points)
    {
        StringBuilder result = new(points.Count);
        foreach (int point in points)
        {
            result.Append(new Rune(point).ToString());
        }

        return result.ToString();
    }

    private static Tables Load()
    {
        using Stream stream = typeof(UnicodeText).Assembly.GetManifestResourceStream("Aperture.Text.normalization.txt")
            ?? throw new InvalidOperationException("The resource Aperture.Text.normalization.txt is missing.");
        using StreamReader reader = new(stream, Encoding.ASCII);
        Tables tables = new([], [], [], []);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            string[] fields = line.Split(';');
            int point = int.Parse(fields[0], NumberStyles.HexNumber);
            byte order = byte.Parse(fields[1]);
            if (order != 0)
            {
                tables.Classes.Add(point, order);
            }

            if (fields[2] == "-")
            {
                continue;
            }

            int[] parts = Array.ConvertAll(fields[3].Split(' '), part => int.Parse(part, NumberStyles.HexNumber));
            (fields[2] == "~" ? tables.Compatible : tables.Canonical).Add(point, parts);
            if (fields[2] == "=")
            {
                tables.Pairs.Add((parts[0], parts[1]), point);
            }
        }

        return tables;
    }

    private sealed record Tables(
        Dictionary<int, byte> Classes, Dictionary<int, int[]> Canonical, Dictionary<int, int[]> Compatible, Dictionary<(int, int), int> Pairs)
    {
        public int Class(int point) => point < 0x300 ? 0 : Classes.TryGetValue(point, out byte order) ? order : 0;
    }
}
