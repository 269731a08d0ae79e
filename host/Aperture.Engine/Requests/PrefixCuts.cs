using Aperture.Sequences;

namespace Aperture.Requests;

/// <summary>
/// Where a prompt is cut into forwards, so that what its first rows leave in the cache may serve a later prompt. The cuts follow from the rows in front of them
/// alone: a prompt's forwards are the same whether their results were kept or not, and so are its answer's bits.
/// </summary>
internal static class PrefixCuts
{
    // Fewer rows are not worth a forward of their own.
    private const int Least = 16;

    // Text is cut this often, so that long instructions without a picture recur too.
    private const int Block = 128;

    /// <summary>The cuts of a prompt: how many rows stand in front of each, ascending. At least one row stands behind the last.</summary>
    /// <param name="layout">The prompt.</param>
    /// <returns>Cuts; none for a prompt that runs in one forward.</returns>
    public static int[] Of(SequenceLayout layout)
    {
        if (layout.HasPrivate || layout.Count < layout.OriginalCount)
        {
            return [];
        }

        List<int> cuts = [];
        int last = 0;
        for (int row = 1; row < layout.Count; row++)
        {
            if (layout.SpanOf(row - 1).WithNext)
            {
                break; // what runs with the next rows would have to run with all of them
            }

            bool changes = layout.ImageOf(row) != layout.ImageOf(row - 1), isText = layout.ImageOf(row) < 0;
            if (row - last >= (changes ? Least : isText ? Block : int.MaxValue))
            {
                cuts.Add(row);
                last = row;
            }
        }

        return [.. cuts];
    }
}
