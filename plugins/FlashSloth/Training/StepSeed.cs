namespace Aperture.Plugins.FlashSloth.Training;

/// <summary>What a step draws at random depends on the run's seed and the step's number alone.</summary>
internal static class StepSeed
{
    /// <summary>A seed for one step of a run.</summary>
    public static ulong Of(long seed, int step) => unchecked(((ulong)seed * 0x9E3779B97F4A7C15) ^ ((ulong)(step + 1) * 0xD1B54A32D192ED03)) >> 1;
}
