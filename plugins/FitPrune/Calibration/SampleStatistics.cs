namespace Aperture.Plugins.FitPrune.Calibration;

/// <summary>What the un-pruned model pays a sample's visual tokens.</summary>
internal sealed record SampleStatistics
{
    public string Id { get; init; } = "";

    /// <summary>Rows before the image.</summary>
    public int Prefix { get; init; }

    /// <summary>Visual rows, N.</summary>
    public int VisualTokens { get; init; }

    /// <summary>Text rows after the image.</summary>
    public int TextAfter { get; init; }

    /// <summary>W_c per layer: attention of a text row on all visual tokens, mean over text rows.</summary>
    public double[] Cross { get; init; } = [];

    /// <summary>W_s per layer: attention of a visual row on all visual tokens, mean over visual rows.</summary>
    public double[] Self { get; init; } = [];
}
