using System.Globalization;
using System.Text;
using Aperture.Measuring;

namespace Aperture.Host.Repl;

/// <summary>How many columns of a terminal a character takes.</summary>
internal static class DisplayWidth
{
    private static readonly (int First, int Last)[] _wide =
    [
        (0x1100, 0x115f), (0x2e80, 0x303e), (0x3041, 0x4dbf), (0x4e00, 0xa4cf), (0xac00, 0xd7a3), (0xf900, 0xfaff), (0xfe30, 0xfe6f),
        (0xff00, 0xff60), (0xffe0, 0xffe6), (0x1f300, 0x1f64f), (0x1f680, 0x1f6ff), (0x1f900, 0x1faff), (0x20000, 0x3fffd),
    ];

    public static int Of(Rune rune)
    {
        if (rune.Value < 0x300)
        {
            return 1;
        }

        return Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.EnclosingMark or UnicodeCategory.Format ? 0
            : Array.Exists(_wide, range => rune.Value >= range.First && rune.Value <= range.Last) ? 2
            : 1;
    }

    public static int Of(string text) => text.EnumerateRunes().Sum(Of);
}
