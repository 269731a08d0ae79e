namespace Aperture.Plugins;

/// <summary>The names that somebody may have meant who wrote another one.</summary>
public static class NearestNames
{
    private const int Most = 3;

    /// <summary>Names within a few letters of a word, the nearest first.</summary>
    /// <param name="word">What was written.</param>
    /// <param name="names">The names there are.</param>
    public static IReadOnlyList<string> Of(string word, IEnumerable<string> names)
    {
        string written = word.ToUpperInvariant();
        int far = Math.Max(1, (word.Length + 1) / 3);
        return
        [
            .. names.Distinct(StringComparer.OrdinalIgnoreCase)
                .Select(name => (Name: name, Distance: Distance(written, name.ToUpperInvariant())))
                .Where(name => name.Distance <= far || IsBeginning(written, name.Name))
                .OrderBy(name => name.Distance)
                .Take(Most)
                .Select(name => name.Name),
        ];
    }

    /// <summary>A list of what there is, behind a question where some of it is near: <c>did you mean keep? There are keep, drop</c>.</summary>
    /// <param name="word">What was written.</param>
    /// <param name="names">The names there are, at least one.</param>
    /// <param name="has">What comes before the list, such as <c>there are</c>.</param>
    public static string Told(string word, IReadOnlyCollection<string> names, string has)
    {
        string list = $"{has} {string.Join(", ", names)}";
        IReadOnlyList<string> near = Of(word, names);
        return near.Count == 0 ? list : $"did you mean {string.Join(" or ", near)}? {char.ToUpperInvariant(list[0])}{list[1..]}";
    }

    private static bool IsBeginning(string written, string name) => written.Length > 2 && name.StartsWith(written, StringComparison.OrdinalIgnoreCase);

    // Letters changed, left out, put in, or swapped with their neighbour.
    private static int Distance(string a, string b)
    {
        int[,] cost = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    cost[i, j] = i + j;
                    continue;
                }

                int changed = cost[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                cost[i, j] = Math.Min(changed, Math.Min(cost[i - 1, j], cost[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    cost[i, j] = Math.Min(cost[i, j], cost[i - 2, j - 2] + 1);
                }
            }
        }

        return cost[a.Length, b.Length];
    }
}
