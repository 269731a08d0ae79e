namespace Aperture.Plugins.DitSam.Dit;

/// <summary>Operations of the parts of a DIT that no other module counts; 2 for a multiply-accumulate.</summary>
internal static class DitFlops
{
    /// <summary>One sentence through the text encoder.</summary>
    public static long Text(DitConfig config, long rows)
    {
        long d = config.Text.HiddenSize, m = config.Text.IntermediateSize;
        return 2 * config.Text.Layers * rows * ((4 * d * d) + (2 * d * m) + (2 * rows * d));
    }

    /// <summary>What image encoder and mask decoder need of one sentence: projections, and keys and values where rows are fixed.</summary>
    public static long Reading(DitConfig config, long rows)
    {
        long d = config.Sam.Vision.HiddenSize, t = config.Text.HiddenSize, blocks = config.Sam.Vision.Layers;
        long width = config.ProjectsWidth ? t * d : 0;
        long projections = config.Variant switch
        {
            DitVariant.LayerWise => blocks * 3 * d * d,
            DitVariant.TokenLayerWise => blocks * 2 * d * d,
            DitVariant.EndToEnd => (config.Mode == EndToEndMode.Code ? blocks : 1) * d * d,
            DitVariant.EndToEndToken => d * d,
            _ => 0,
        };
        return 2 * rows * (width + projections + (t * config.Sam.PromptWidth));
    }
}
