using Aperture.Vision;

namespace Aperture.Plugins.LlavaHr;

/// <summary>What each stage of an encoder of two towers costs for one picture.</summary>
internal static class HighResolutionMacs
{
    /// <summary>Names of the stages.</summary>
    public const string Slow = "high-resolution tower", Fast = "low-resolution tower", Adapters = "adapters", Align = "align";

    /// <summary>The stages in the order of their names; adapters are left out where there are none.</summary>
    /// <param name="size">The grids.</param>
    /// <param name="slow">Sizes of the high-resolution tower.</param>
    /// <param name="width">Channels of the transformer's rows.</param>
    /// <param name="fast">Multiply-accumulates of the transformer, by the rows that it ran.</param>
    /// <param name="adapters">Adapters that act.</param>
    public static IReadOnlyList<VisionStage> Of(HighResolution size, ConvNextConfig slow, int width, long fast, int adapters)
    {
        int slowWidth = slow.Widths[^1];
        VisionStage[] between = adapters == 0 ? [] : [new(Adapters, adapters * MrAdapter.Macs(size, slowWidth, width))];
        return
        [
            new(Slow, slow.Macs(size.Side, size.Side)), new(Fast, fast), .. between,
            new(Align, FinalAlign.Macs(size, slowWidth, width)),
        ];
    }
}
