using Aperture.Tasks;

namespace Aperture.Scripting;

/// <summary>How well a name fits what the user has typed of it.</summary>
internal static class CodeMatch
{
    /// <summary>0 for a start in the same case, 1 in another case, 2 for the capitals of its words, 3 for a part; -1 if it does not fit.</summary>
    public static int Rank(string name, string written) =>
        name.StartsWith(written, StringComparison.Ordinal) ? 0
        : name.StartsWith(written, StringComparison.OrdinalIgnoreCase) ? 1
        : Initials(name).StartsWith(written, StringComparison.OrdinalIgnoreCase) ? 2
        : written.Length > 1 && name.Contains(written, StringComparison.OrdinalIgnoreCase) ? 3
        : -1;

    // GetHashCode: ghc; zeros_like: zl.
    private static string Initials(string name) =>
        string.Concat(name.Where((c, i) => char.IsLetter(c) && (i == 0 || char.IsUpper(c) || name[i - 1] == '_')));
}
