using Aperture.Images;
using Aperture.Vision;

namespace Aperture.Plugins.DitSam.Refer;

/// <summary>Scores of found masks, as the published evaluation counts them.</summary>
internal sealed class ReferScores
{
    private const double Tiny = 1e-10, Percent = 100, FirstThreshold = 0.5, SecondThreshold = 0.55;

    private readonly List<double> _each = [];

    /// <summary>Thresholds of <see cref="Precision"/>, as NumPy's <c>arange</c> makes them: the fifth is 0.7000000000000002.</summary>
    public static IReadOnlyList<double> Thresholds { get; }
        = [.. Enumerable.Range(0, 10).Select(i => FirstThreshold + (i * (SecondThreshold - FirstThreshold)))];

    /// <summary>Pixels inside both masks, over all.</summary>
    public long Intersection { get; private set; }

    /// <summary>Pixels inside one of them, over all.</summary>
    public long Union { get; private set; }

    /// <summary>The IoU of each mask, in the order in which they came.</summary>
    public IReadOnlyList<double> Each => _each;

    /// <summary>Mean IoU, in percent.</summary>
    public double MeanIoU => _each.Count == 0 ? double.NaN : _each.Average() * Percent;

    /// <summary>Overall IoU (cIoU, oIoU), in percent: all intersections by all unions.</summary>
    public double OverallIoU => Intersection * Percent / Union;

    /// <summary>Share of masks with an IoU above a threshold, in percent.</summary>
    /// <param name="threshold">The threshold.</param>
    public double Precision(double threshold) => _each.Count == 0 ? double.NaN : Percent * _each.Count(iou => iou > threshold) / _each.Count;

    /// <summary>Adds a mask.</summary>
    /// <param name="found">The mask that was found.</param>
    /// <param name="real">The right one, 255 inside, of the same size.</param>
    /// <returns>Intersection, union and IoU.</returns>
    /// <exception cref="ApertureException">The sizes differ.</exception>
    public (long Intersection, long Union, double IoU) Add(MaskImage found, Image real)
    {
        if ((found.Width, found.Height) != (real.Width, real.Height))
        {
            throw new ApertureException($"A mask of {found.Width}x{found.Height} pixels cannot be scored by one of {real.Width}x{real.Height}.");
        }

        long both = 0, any = 0;
        ReadOnlySpan<byte> pixels = real.Pixels;
        for (int i = 0; i < pixels.Length; i++)
        {
            bool isFound = found.IsInside(i % found.Width, i / found.Width), isReal = pixels[i] > MaskImage.ByteThreshold;
            both += isFound && isReal ? 1 : 0;
            any += isFound || isReal ? 1 : 0;
        }

        double iou = (both + Tiny) / (any + Tiny);
        (Intersection, Union) = (Intersection + both, Union + any);
        _each.Add(iou);
        return (both, any, iou);
    }
}
