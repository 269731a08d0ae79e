using Aperture.Sequences;

namespace Aperture.Plugins.LlavaHr;

/// <summary>The two sides that a picture is seen at, and the grids that they give.</summary>
/// <param name="Side">Side in pixels of the high-resolution tower's square, S.</param>
/// <param name="FastSide">Side in pixels of the low-resolution tower's: S / 32 * 14, but no smaller than the tower was made for.</param>
/// <param name="SlowGrid">Places along a side of the ConvNeXt's last map.</param>
/// <param name="FastGrid">Patches along a side of the transformer.</param>
internal sealed record HighResolution(int Side, int FastSide, int SlowGrid, int FastGrid)
{
    /// <summary>Pixels along a side that a place of the last map covers.</summary>
    public const int Stride = 32;

    /// <summary>Pixels along a side that stand for such a place in the low-resolution picture, whatever the transformer's patch.</summary>
    public const int FastPatch = 14;

    /// <summary>The smallest side that CLIP sees in published models.</summary>
    public const int PublishedMinimum = 336;

    private const int LargestListed = 1536;

    /// <summary>Rows of a picture.</summary>
    public int Tokens => FastGrid * FastGrid;

    /// <summary>The grid of the rows.</summary>
    public VisualGrid Grid => new(FastGrid, FastGrid);

    /// <summary>Takes a side if the towers' grids fit each other: the coarser grid's places must divide the finer one's.</summary>
    /// <param name="side">Side in pixels of the high-resolution square.</param>
    /// <param name="patch">Side of the transformer's patch.</param>
    /// <param name="minimum">The smallest low-resolution side.</param>
    /// <exception cref="ApertureException">They do not; the message names the sides that would.</exception>
    public static HighResolution Of(int side, int patch, int minimum)
        => Try(side, patch, minimum)
            ?? throw LlavaHrFactory.Error(
                $"pictures of {side} pixels (input_image_size) give grids of {side / Stride} and {Fast(side, minimum) / patch} places a side, which do not "
                + $"divide each other, or are no multiple of {Stride}; use {Valid(patch, minimum)}, or a larger multiple of {Stride} that does");

    /// <summary>Checks a smallest low-resolution side.</summary>
    /// <param name="side">The side in pixels.</param>
    /// <param name="name">Where it stands.</param>
    /// <exception cref="ApertureException">It is no multiple of <see cref="FastPatch"/>.</exception>
    public static void CheckMinimum(int side, string name)
    {
        if (side % FastPatch != 0)
        {
            throw LlavaHrFactory.Error($"{name} is {side}; it must be a multiple of {FastPatch}");
        }
    }

    private static HighResolution? Try(int side, int patch, int minimum)
    {
        int slow = side / Stride, fast = Fast(side, minimum) / patch;
        bool fits = side > 0 && side % Stride == 0 && fast > 0 && Math.Max(slow, fast) % Math.Min(slow, fast) == 0;
        return fits ? new HighResolution(side, Fast(side, minimum), slow, fast) : null;
    }

    private static int Fast(int side, int minimum) => Math.Max(side / Stride * FastPatch, minimum);

    private static string Valid(int patch, int minimum)
        => string.Join(", ", Enumerable.Range(1, LargestListed / Stride).Select(k => k * Stride).Where(side => Try(side, patch, minimum) is not null));
}
