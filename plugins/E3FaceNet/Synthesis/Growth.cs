namespace Aperture.Plugins.E3FaceNet.Synthesis;

/// <summary>
/// How far a generator has grown: while it is trained, blocks come in one after the other, each blended with the enlarged picture before it. A checkpoint says
/// it by one number.
/// </summary>
/// <param name="Blocks">Blocks in use.</param>
/// <param name="Blend">Weight of the last block's picture; 1 where it is alone.</param>
/// <param name="IsUntold">Whether the checkpoint says nothing (-1), as before its training: all blocks, and another number of samples.</param>
internal readonly record struct Growth(int Blocks, double Blend, bool IsUntold)
{
    /// <summary>Samples of a ray where nothing is told.</summary>
    public const int UntoldSamples = 20;

    /// <summary>What the number says.</summary>
    /// <param name="alpha">From 0, the map of the rays alone, to 1, all blocks; -1 for untold.</param>
    /// <param name="blocks">Blocks of the generator.</param>
    public static Growth Of(float alpha, int blocks)
    {
        if (alpha is <= 0 or >= 1)
        {
            return new Growth(alpha == 0 ? 0 : blocks, 1, alpha < 0);
        }

        float level = alpha * blocks;
        int whole = (int)MathF.Floor(level);
        return new Growth(whole + 1, level - whole, false);
    }
}
