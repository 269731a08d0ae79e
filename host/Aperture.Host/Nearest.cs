namespace Aperture.Host;

/// <summary>Finds what was probably meant by a word that is not known.</summary>
internal static class Nearest
{
    /// <summary>
    /// The known word with the fewest letters changed, added, left out or swapped with a neighbour; a third of the word's letters at most. Failing that, the
    /// shortest one that begins with the word or has it as one of the parts between its dashes.
    /// </summary>
    /// <param name="word">The word.</param>
    /// <param name="known">What is known.</param>
    /// <returns>The known word, or null if none is near.</returns>
    public static string? Of(string word, IEnumerable<string> known)
    {
        string[] all = [.. known];
        string asked = Plain(word);
        string? near = all.Where(one => Distance(asked, Plain(one)) <= Math.Max(1, asked.Length / 3)).MinBy(one => Distance(asked, Plain(one)));
        return near ?? (asked.Length < 3 ? null : all.Where(one => HasPart(Plain(one), asked)).MinBy(one => one.Length));
    }

    private static string Plain(string word) => word.TrimStart('-').ToLowerInvariant();

    private static bool HasPart(string known, string part) => known.StartsWith(part, StringComparison.Ordinal) || known.Split('-').Contains(part);

    // Optimal string alignment: three rows of the table are alive.
    private static int Distance(string a, string b)
    {
        int[] before = new int[b.Length + 1], last = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int[] row = new int[b.Length + 1];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                row[j] = Math.Min(Math.Min(row[j - 1], last[j]) + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1));
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    row[j] = Math.Min(row[j], before[j - 2] + 1);
                }
            }

            (before, last) = (last, row);
        }

        return last[^1];
    }
}
