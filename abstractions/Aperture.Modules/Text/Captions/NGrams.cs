namespace Aperture.Text;

/// <summary>Runs of one to four words of a caption, as the scorers of MS-COCO count them.</summary>
internal static class NGrams
{
    /// <summary>Words of the longest run.</summary>
    public const int Longest = 4;

    /// <summary>The words between white space.</summary>
    /// <param name="caption">A tokenised caption.</param>
    public static string[] Words(string caption) => caption.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);

    /// <summary>How often each run occurs.</summary>
    /// <param name="words">The words.</param>
    /// <returns>For one to four words the runs, joined by blanks, in the order in which they come.</returns>
    public static Dictionary<string, int>[] Count(string[] words)
    {
        Dictionary<string, int>[] counts = new Dictionary<string, int>[Longest];
        for (int n = 1; n <= Longest; n++)
        {
            Dictionary<string, int> runs = new(StringComparer.Ordinal);
            for (int start = 0; start + n <= words.Length; start++)
            {
                string run = string.Join(' ', words, start, n);
                runs[run] = runs.GetValueOrDefault(run) + 1;
            }

            counts[n - 1] = runs;
        }

        return counts;
    }
}
