using Aperture.Decoding;
using Aperture.Sequences;
using Aperture.Vision;

namespace Aperture.Trials;

/// <summary>Stands behind the methods of a pipeline and looks at what they say of the rows they kept: nothing else checks places.</summary>
internal sealed class PlaceWatch : ITokenReducer
{
    private readonly List<string> _faults = [];

    /// <inheritdoc/>
    public string Name => "places";

    /// <summary>What was wrong, a line each, with the site.</summary>
    public IReadOnlyList<string> Faults => [.. _faults.Distinct()];

    /// <inheritdoc/>
    public void Declare(IReducerSites sites)
    {
        sites.BeforeProjector((_, features) =>
        {
            Look("before the projector", features.Segments, features.Tokens.size(0));
            return features;
        });
        sites.BeforeDecoder((_, tokens) =>
        {
            Look("before the decoder", tokens.Segments, tokens.Rows.size(0));
            return tokens;
        });
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    /// <summary>What is wrong with a segment's places: null if nothing.</summary>
    /// <param name="segment">The segment.</param>
    internal static string? Fault(VisualSegment segment)
    {
        int[] places = segment.WrittenPlaces;
        VisualGrid grid = segment.Grid;
        if (places.Length != segment.Rows)
        {
            return $"it names {places.Length} places for {segment.Rows} rows";
        }

        if (grid.Count > 0 && Array.Find(places, place => place < -1 || place >= grid.Count) is not 0 and var outside)
        {
            return $"place {outside} lies outside the grid of {grid.Rows} x {grid.Columns}";
        }

        int[] written = [.. places.Where(place => place >= 0)];
        if (written.GroupBy(place => place).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            return $"place {twice.Key} stands for {twice.Count()} rows";
        }

        int falls = Enumerable.Range(1, Math.Max(0, written.Length - 1)).FirstOrDefault(i => written[i] < written[i - 1]);
        return falls == 0 ? null : $"places do not increase: {written[falls]} comes after {written[falls - 1]}";
    }

    private void Look(string site, IReadOnlyList<VisualSegment> segments, long rows)
    {
        int told = segments.Sum(segment => segment.Rows);
        if (told != rows)
        {
            _faults.Add($"{site}: its segments have {told} rows, its tensor {rows}");
        }

        _faults.AddRange(segments.Select(Fault).OfType<string>().Select(fault => $"{site}: {fault}"));
    }
}
