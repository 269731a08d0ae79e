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
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out var used);
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
    public static string WithoutMarks(string text)
    {
        var result = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) != UnicodeCategory.NonSpacingMark)
            {
                result.Append(rune.ToString());
            }
        }

        return result.ToString();
    }

    private static bool IsAscii(string text) => Ascii.IsValid(text);

    private static bool IsFinalSigma(string text, int at)
    {
        var before = false;
        for (var i = at; i > 0;)
        {
            Rune.DecodeLastFromUtf16(text.AsSpan(0, i), out var rune, out var used);
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

        for (var i = at + 1; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text.AsSpan(i), out var rune, out var used);
            i += used;
            if (!IsCaseIgnorable(rune))
            {
                return !IsCased(rune);
            }
        }

        return true;
    }

    private static bool IsCased(Rune rune) => Rune.GetUnicodeCategory(rune) is UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter;

    private static bool IsCaseIgnorable(Rune rune) => rune.Value is '\'' or '.' or ':' or 0xB7 or 0x2018 or 0x2019 or 0x2024 or 0x2027
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format
            or UnicodeCategory.ModifierLetter or UnicodeCategory.ModifierSymbol;

    private static List<int> Decompose(string text, bool compatible)
    {
        var points = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            Add(points, rune.Value, compatible);
        }

        for (var i = 1; i < points.Count; i++)
        {
            var order = _tables.Class(points[i]);
            if (order == 0)
            {
                continue;
            }

            var at = i;
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
            var index = point - HangulBase;
            points.Add(LeadBase + (index / (VowelCount * TrailCount)));
            points.Add(VowelBase + (index % (VowelCount * TrailCount) / TrailCount));
            if (index % TrailCount != 0)
            {
                points.Add(TrailBase + (index % TrailCount));
            }
        }
        else if (_tables.Canonical.TryGetValue(point, out var parts) || (compatible && _tables.Compatible.TryGetValue(point, out parts)))
        {
            foreach (var part in parts)
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
        var result = new List<int>(points.Count);
        var starter = -1;
        foreach (var point in points)
        {
            var order = _tables.Class(point);
            if (starter >= 0)
            {
                var last = result.Count - 1 == starter ? -1 : _tables.Class(result[^1]);
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

        return _tables.Pairs.TryGetValue((first, second), out var composed) ? composed : null;
    }

    private static string ToText(List<int> points)
    {
        var result = new StringBuilder(points.Count);
        foreach (var point in points)
        {
            result.Append(new Rune(point).ToString());
        }

        return result.ToString();
    }

    private static Tables Load()
    {
        using var stream = typeof(UnicodeText).Assembly.GetManifestResourceStream("Aperture.Text.normalization.txt")
            ?? throw new InvalidOperationException("The resource Aperture.Text.normalization.txt is missing.");
        using var reader = new StreamReader(stream, Encoding.ASCII);
        var tables = new Tables([], [], [], []);
        while (reader.ReadLine() is { } line)
        {
            if (line.Length == 0 || line[0] == '#')
            {
                continue;
            }

            var fields = line.Split(';');
            var point = int.Parse(fields[0], NumberStyles.HexNumber);
            var order = byte.Parse(fields[1]);
            if (order != 0)
            {
                tables.Classes.Add(point, order);
            }

            if (fields[2] == "-")
            {
                continue;
            }

            var parts = Array.ConvertAll(fields[3].Split(' '), part => int.Parse(part, NumberStyles.HexNumber));
            (fields[2] == "~" ? tables.Compatible : tables.Canonical).Add(point, parts);
            if (fields[2] == "=")
            {
                tables.Pairs.Add((parts[0], parts[1]), point);
            }
        }

        return tables;
    }

    private sealed record Tables(Dictionary<int, byte> Classes, Dictionary<int, int[]> Canonical, Dictionary<int, int[]> Compatible, Dictionary<(int, int), int> Pairs)
    {
        public int Class(int point) => point < 0x300 ? 0 : Classes.TryGetValue(point, out var order) ? order : 0;
    }
}
