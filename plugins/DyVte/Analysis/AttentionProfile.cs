namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>
/// What attention does in each layer of one prompt: arrays over layers, inner arrays over <see cref="Pairs"/> of row groups or over (visual, text) rows.
/// S is the prefix, V the visual rows, X the text behind the image, a its last row. Values of a group without rows are NaN.
/// </summary>
internal sealed record AttentionProfile
{
    /// <summary>Names of the pairs, query group first.</summary>
    public static IReadOnlyList<string> Pairs => RowGroups.Pairs;

    /// <summary>Attention that a query row pays a key group, mean over heads and rows. Those of one query group sum to 1.</summary>
    public required double[][] Mass { get; init; }

    /// <summary>The same over the maximum of the heads.</summary>
    public required double[][] HeadMaximumMass { get; init; }

    /// <summary><see cref="Mass"/> divided by the number of keys that a query row sees in the group, on average.</summary>
    public required double[][] Density { get; init; }

    /// <summary>Entropy in nats of the text rows' attention on keys that are not visual, renormalised; mean over heads and rows.</summary>
    public required double[] TextEntropy { get; init; }

    /// <summary>The same of the last row alone.</summary>
    public required double[] LastEntropy { get; init; }

    /// <summary><see cref="TextEntropy"/> over the keys behind the image alone.</summary>
    public required double[] TextEntropyBehind { get; init; }

    /// <summary><see cref="LastEntropy"/> over the keys behind the image alone.</summary>
    public required double[] LastEntropyBehind { get; init; }

    /// <summary>How much a layer changes its rows, <c>|out - in| / |in|</c>; visual and text rows.</summary>
    public required double[][] UpdateNorm { get; init; }

    /// <summary>Cosine of a layer's output rows with its input rows; visual and text rows.</summary>
    public required double[][] Cosine { get; init; }
}
