using System.Globalization;
using System.Text;

namespace Aperture.Text;

/// <summary>The classes of characters that BERT's cleaning and CLIP's repair ask for.</summary>
internal static class CharacterClass
{
    /// <summary>A control character for BERT: any category C* but tab and line ends; unassigned ones only on request.</summary>
    public static bool IsControl(Rune rune, bool unassigned) => rune.Value is not ('\t' or '\n' or '\r') && Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.PrivateUse or UnicodeCategory.Surrogate => true,
        UnicodeCategory.OtherNotAssigned => unassigned,
        _ => false,
    };

    public static bool IsWhiteSpace(Rune rune) => Rune.IsWhiteSpace(rune);

    public static bool IsPunctuation(Rune rune) => rune.Value is (>= 33 and <= 47) or (>= 58 and <= 64) or (>= 91 and <= 96) or (>= 123 and <= 126)
        || Rune.IsPunctuation(rune);

    public static bool IsIdeograph(Rune rune) => rune.Value is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF)
        or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B820 and <= 0x2CEAF)
        or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);

    /// <summary>The text without characters that BERT drops, every blank as U+0020, and blanks around ideographs on request.</summary>
    public static string Clean(string text, bool ideographs, bool dropUnassigned, bool clean = true)
    {
        StringBuilder result = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (clean && (rune.Value is 0 or 0xFFFD || IsControl(rune, dropUnassigned)))
            {
                continue;
            }

            if (clean && IsWhiteSpace(rune))
            {
                result.Append(' ');
            }
            else if (ideographs && IsIdeograph(rune))
            {
                result.Append(' ').Append(rune.ToString()).Append(' ');
            }
            else
            {
                result.Append(rune.ToString());
            }
        }

        return result.ToString();
    }
}
