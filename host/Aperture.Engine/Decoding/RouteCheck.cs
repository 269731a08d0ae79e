using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Holds the plans of a router against the rows it was asked about and against what it declared.</summary>
internal static class RouteCheck
{
    /// <summary>What is wrong with some plans.</summary>
    /// <param name="plans">The plans.</param>
    /// <param name="context">The layer.</param>
    /// <param name="use">What the router declared.</param>
    /// <returns>Null if nothing is.</returns>
    public static string? Misfit(IReadOnlyList<LayerRoute>? plans, ILayerContext context, RouteUse use)
    {
        if (plans is null || plans.Count != context.Samples)
        {
            return $"gave {(plans is null ? "null" : plans.Count)} where one plan for each of {context.Samples} samples belongs";
        }

        for (int sample = 0; sample < plans.Count; sample++)
        {
            if (Misfit(plans[sample], sample, context.Layout(sample).Count, use) is { } wrong)
            {
                return wrong;
            }
        }

        return null;
    }

    /// <summary>Disposes the tensors of plans that are not carried out.</summary>
    public static void Drop(IReadOnlyList<LayerRoute>? plans)
    {
        foreach (LayerRoute.Subset subset in (plans ?? []).OfType<LayerRoute.Subset>())
        {
            subset.AttentionScale?.Dispose();
            subset.FeedForwardScale?.Dispose();
        }
    }

    private static string? Misfit(LayerRoute? plan, int sample, int rows, RouteUse use)
    {
        RouteUse needed = plan switch
        {
            LayerRoute.None => RouteUse.Skip,
            LayerRoute.Subset => RouteUse.Subset,
            LayerRoute.Composite => RouteUse.Composite,
            _ => 0,
        };
        bool attends = plan is LayerRoute.All or LayerRoute.Subset;
        return plan is null ? $"gave no plan for sample {sample}"
            : !use.HasFlag(needed) || (attends && use.HasFlag(RouteUse.NeverAttends))
                ? $"answered {Named(plan)} for sample {sample}, but declared {use}; declare what it may answer"
            : plan is LayerRoute.Subset subset ? Misfit(subset, sample, rows)
            : plan is LayerRoute.Composite { Compute: null } ? $"gave null where the replacement of the layer for sample {sample} belongs"
            : null;
    }

    private static string Named(LayerRoute plan) => plan switch
    {
        LayerRoute.All => nameof(LayerRoute.Run),
        LayerRoute.None => nameof(LayerRoute.Skip),
        _ => plan.GetType().Name,
    };

    private static string? Misfit(LayerRoute.Subset subset, int sample, int rows)
    {
        if (RowCheck.Misfit(subset.Rows, sample, rows) is { } wrong)
        {
            return wrong;
        }

        if (subset.Positions is { } positions && (positions.Length == 0 || Array.Exists(positions, axis => axis.Length != subset.Rows.Length)))
        {
            string given = string.Join(" and ", positions.Select(axis => axis.Length));
            return $"gave {(given.Length == 0 ? "no" : given)} positions for the {subset.Rows.Length} rows that run of sample {sample}";
        }

        return Scale(subset.AttentionScale, "attention", subset.Rows.Length, sample)
            ?? Scale(subset.FeedForwardScale, "feed-forward", subset.Rows.Length, sample);
    }

    private static string? Scale(Tensor? scale, string branch, int rows, int sample)
        => scale is null ? null
            : RowForm.Gone(scale, $"{branch} factors") is { } gone ? gone
            : scale.NumberOfElements != rows || !scale.is_floating_point()
                ? $"gave {branch} factors of shape {RowForm.Shape(scale)} and type {scale.dtype} for the {rows} rows that run of sample {sample}"
            : null;
}
