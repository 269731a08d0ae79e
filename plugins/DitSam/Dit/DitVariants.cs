using Aperture.Weights;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>Which variant a checkpoint is of.</summary>
internal static class DitVariants
{
    /// <summary>
    /// The variant of a checkpoint. Layer-wise and end-to-end files have the same tensors, so that only the user can tell them apart; the first is taken.
    /// </summary>
    /// <param name="source">The checkpoint under SAM's names.</param>
    /// <param name="asked">What the user says; null for nothing.</param>
    /// <exception cref="ApertureException">The checkpoint is of another variant, or of one that is not supported.</exception>
    public static DitVariant Find(IWeightSource source, DitVariant? asked)
    {
        if (source.Names.Any(name => name.Contains("cross.", StringComparison.Ordinal) || name.Contains("cross_attention.", StringComparison.Ordinal)))
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: the checkpoint is of a cross_attention net, whose official code cannot be run; layer-wise, end-to-end, their "
                + "token variants and default ones can be opened.");
        }

        DitVariant[] possible = Possible(source);
        if (asked is { } named && !possible.Contains(named))
        {
            throw new ApertureException(
                $"{DitFactory.SegmenterName}: Variant {named} was asked for, but the checkpoint's tensors are those of {string.Join(" or ", possible)}; leave "
                + "Variant out, or open another file.");
        }

        return asked ?? possible[0];
    }

    private static DitVariant[] Possible(IWeightSource source)
    {
        bool tokens = source.Contains(DitKeys.Tokens);
        return source.Contains(DitKeys.Projections + ".0.weight") ? [DitVariant.LayerWise, DitVariant.EndToEnd]
            : tokens && source.Contains(DitKeys.Projections + ".weight") ? [DitVariant.EndToEndToken]
            : tokens ? [DitVariant.TokenLayerWise]
            : [DitVariant.Default];
    }
}
