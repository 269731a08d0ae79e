namespace Aperture.Vision;

/// <summary>Kinds of norms.</summary>
public enum VisionNorm
{
    /// <summary>Layer norm with gain and bias.</summary>
    Layer,

    /// <summary>Root-mean-square norm with a gain; rounded before the gain.</summary>
    Rms,
}

/// <summary>Learned tables of absolute positions.</summary>
public enum VisionPositions
{
    /// <summary>No table.</summary>
    None,

    /// <summary>One row a place of the grid.</summary>
    Grid,

    /// <summary>The class token's row, then one a place of the grid. Where there is no class token, its row is not used.</summary>
    ClassAndGrid,
}

/// <summary>How a position table is made to fit another grid. Corners are not aligned, and it is done in float32.</summary>
public enum PositionResampling
{
    /// <summary>Bicubic, four taps (a = -0.75), as <c>interpolate_pos_encoding</c> of transformers and InternViT do.</summary>
    Bicubic,

    /// <summary>
    /// Bicubic with antialiasing (a = -0.5, taps cut at the border), as towers in front of other decoders do that take larger pictures than their own (Eagle).
    /// </summary>
    BicubicAntialiased,
}

/// <summary>What windows do with places outside the grid, where the grid is no multiple of a window.</summary>
public enum WindowPadding
{
    /// <summary>They are rows of zeros behind the first norm, and take part in attention (SAM).</summary>
    Attended,

    /// <summary>Nothing attends to them (Qwen2.5-VL).</summary>
    Masked,
}

/// <summary>Which channels of a head rotate together.</summary>
public enum RotaryPairs
{
    /// <summary>0 and 1, 2 and 3, … (EVA-02).</summary>
    Neighbours,

    /// <summary>A channel of the first half and its like in the second (Qwen2-VL).</summary>
    Halves,
}

/// <summary>
/// Rotary positions in two dimensions: the first half of a head's frequencies turns with the row, the second with the column. Angles are computed in float32.
/// </summary>
/// <param name="Pairs">Which channels rotate together.</param>
public sealed record VisionRotary(RotaryPairs Pairs)
{
    /// <summary>Base of the frequencies.</summary>
    public double Theta { get; init; } = 10000;

    /// <summary>
    /// Positions are counted in what a block attends to, its window or the grid, and stretched to this length (EVA-02: 16). Null counts them in the grid, in
    /// patches.
    /// </summary>
    public int? Length { get; init; }
}
