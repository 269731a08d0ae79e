using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Holds what a hook between encoder and decoder gave against what it got: rows, segments, places.</summary>
internal static class PictureCheck
{
    /// <summary>What is wrong with a picture's features.</summary>
    /// <param name="given">The features.</param>
    /// <param name="form">The form of the rows that went in.</param>
    /// <param name="before">The segments that went in.</param>
    /// <returns>Null if nothing is.</returns>
    public static string? Misfit(VisionFeatures? given, RowForm form, IReadOnlyList<VisualSegment> before)
    {
        if (given is null)
        {
            return "gave null where features belong";
        }

        foreach (Tensor state in given.HiddenStates.Values)
        {
            if (RowForm.Gone(state, "hidden states") is { } gone)
            {
                return gone;
            }
        }

        return Rows(given.Tokens, given.Segments, form, before);
    }

    /// <summary>What is wrong with a picture's tokens.</summary>
    /// <param name="given">The tokens.</param>
    /// <param name="form">The form of the rows that went in.</param>
    /// <param name="before">The segments that went in.</param>
    /// <returns>Null if nothing is.</returns>
    public static string? Misfit(VisualTokens? given, RowForm form, IReadOnlyList<VisualSegment> before)
        => given is null ? "gave null where tokens belong" : Rows(given.Rows, given.Segments, form, before);

    private static string? Rows(Tensor? rows, IReadOnlyList<VisualSegment>? segments, RowForm form, IReadOnlyList<VisualSegment> before)
    {
        if (form.Misfit(rows, "rows", null) is { } wrong)
        {
            return wrong;
        }

        if (segments is null || segments.Any(segment => segment is null))
        {
            return "gave rows without the segments that say where they lie";
        }

        long count = rows!.size(0), told = segments.Sum(segment => (long)segment.Rows);
        if (count != told)
        {
            return $"gave {count} rows, but segments of {told}; give a place for each row";
        }

        if (count == 0 && form.Count > 0)
        {
            return $"left none of {form.Count} visual tokens; keep at least one, or ask without the picture";
        }

        return ReferenceEquals(segments, before) ? null : segments.Select(Segment).FirstOrDefault(misfit => misfit is not null);
    }

    private static string? Segment(VisualSegment segment, int index)
    {
        string of = $"segment {index}";
        if (segment.Rows < 0)
        {
            return $"gave {of} {segment.Rows} rows";
        }

        return Places(segment, of) ?? Sources(segment, of) ?? Separators(segment, of);
    }

    private static string? Places(VisualSegment segment, string of)
    {
        if (segment.Places is not { } places)
        {
            return null;
        }

        if (places.Length != segment.Rows)
        {
            return $"gave {of} {places.Length} places for {segment.Rows} rows";
        }

        Dictionary<int, int> taken = [];
        for (int row = 0; row < places.Length; row++)
        {
            if (Outside(places[row], segment.Grid) is { } outside)
            {
                return $"gave row {row} of {of} the place {outside}";
            }

            if (places[row] >= 0 && !taken.TryAdd(places[row], row))
            {
                return $"gave rows {taken[places[row]]} and {row} of {of} the same place {places[row]}; merged rows list theirs as sources";
            }
        }

        return null;
    }

    private static string? Sources(VisualSegment segment, string of)
    {
        if (segment.Sources is not { } sources)
        {
            return null;
        }

        if (sources.Length != segment.Rows)
        {
            return $"gave {of} the sources of {sources.Length} rows for {segment.Rows} rows";
        }

        for (int row = 0; row < sources.Length; row++)
        {
            foreach (int place in sources[row])
            {
                if (Outside(place, segment.Grid) is { } outside)
                {
                    return $"gave row {row} of {of} the source {outside}";
                }
            }
        }

        return null;
    }

    private static string? Separators(VisualSegment segment, string of)
    {
        int last = -1;
        foreach (int row in segment.Separators)
        {
            if (row <= last || row >= segment.Rows)
            {
                return $"gave {of} the separator {row} behind {last}; separators ascend among its {segment.Rows} rows";
            }

            last = row;
        }

        return null;
    }

    // A segment without a grid numbers its rows as it likes.
    private static string? Outside(int place, VisualGrid grid)
        => place >= -1 && (grid.Count == 0 || place < grid.Count) ? null
            : grid.Count == 0 ? $"{place}; places count from 0, and -1 stands for none"
            : $"{place}, but its grid of {grid.Rows}x{grid.Columns} has places 0 to {grid.Count - 1}";
}
