using Aperture.Sequences;

namespace Aperture.Vision;

/// <summary>
/// What the rows of a vision transformer's tensor stand for: prefix rows, the class token, then rows with a place in the grid, or with none that is known.
/// </summary>
internal sealed class VisionRows
{
    private int[]? _places; // of the rows behind those in front; null for 0, 1, 2, …

    /// <summary>The rows at the embedding.</summary>
    /// <param name="grid">The grid of patches.</param>
    /// <param name="prefix">Prefix rows in front.</param>
    /// <param name="classToken">Whether the class token follows them.</param>
    /// <param name="places">The grid place of each patch; null for 0, 1, 2, … in order.</param>
    public VisionRows(VisualGrid grid, int prefix, bool classToken, int[]? places)
    {
        (Grid, Prefix, ClassToken, _places) = (grid, prefix, classToken, places);
    }

    public VisualGrid Grid { get; }

    public int Prefix { get; private set; }

    public bool ClassToken { get; private set; }

    public int Front => Prefix + (ClassToken ? 1 : 0);

    public int Count => Front + (_places?.Length ?? Grid.Count);

    /// <summary>Whether the rows behind those in front are the whole grid in order.</summary>
    public bool InOrder => _places is null;

    /// <summary>The grid place of each row behind those in front; -1 where it is not known.</summary>
    public int[] Places => _places ?? [.. Enumerable.Range(0, Grid.Count)];

    /// <summary>The grid place of every row; -1 in front.</summary>
    public int[] AllPlaces => [.. Enumerable.Repeat(-1, Front), .. Places];

    /// <summary>Only some rows go on.</summary>
    /// <param name="rows">Rows as <see cref="Check"/> lets them pass.</param>
    public void Keep(int[] rows)
    {
        int[] all = AllPlaces;
        int prefix = rows.TakeWhile(row => row >= 0 && row < Prefix).Count();
        bool classToken = ClassToken && prefix < rows.Length && rows[prefix] == Prefix;
        int front = prefix + (classToken ? 1 : 0);
        _places = [.. rows.Skip(front).Select(row => row < 0 ? -1 : all[row])];
        (Prefix, ClassToken) = (prefix, classToken);
    }

    /// <summary>The number of rows changed, and nobody said which went on: prefix rows are held to be there still, of all others nothing is known.</summary>
    /// <param name="count">Rows now.</param>
    public void Forget(int count)
    {
        Prefix = Math.Min(Prefix, count);
        ClassToken = false;
        _places = [.. Enumerable.Repeat(-1, count - Prefix)];
    }

    /// <summary>Checks a choice of rows.</summary>
    /// <param name="rows">The rows that shall go on.</param>
    /// <exception cref="ApertureException">A row does not exist, is named twice, or rows in front are out of order.</exception>
    public void Check(int[] rows)
    {
        HashSet<int> seen = [];
        int front = -1;
        bool behind = false;
        foreach (int row in rows)
        {
            if (row < -1 || row >= Count)
            {
                throw new ApertureException(
                    $"Row {row} cannot go on in the vision encoder: there are {Count} rows, 0 to {Count - 1}; -1 stands for a new row.");
            }

            if (row >= 0 && !seen.Add(row))
            {
                throw new ApertureException($"Row {row} is kept twice in the vision encoder; name each row once, and new rows as -1.");
            }

            bool inFront = row >= 0 && row < Front;
            if (inFront && (behind || row < front))
            {
                throw new ApertureException(
                    $"Row {row} of the vision encoder stands in front of the grid; the rows in front that go on ({Front} now) come first, in their order.");
            }

            (front, behind) = (inFront ? row : front, behind || !inFront);
        }
    }
}
