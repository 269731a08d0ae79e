using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// Hooks as the engine calls them: what one throws is told under the method's name and the place, what one gives is held against what belongs there, and where
/// that fails nothing that the engine knows of is left behind. Only hooks that somebody declared are wrapped, so that a site without one costs what it did.
/// </summary>
internal static class HookGuard
{
    public static BeforeProjectorHook Guard(string method, BeforeProjectorHook hook)
    {
        HookSite site = new(method, "before the projector");
        return (context, features) =>
        {
            RowForm form = RowForm.Of(features.Tokens);
            IReadOnlyList<VisualSegment> segments = features.Segments;
            VisionFeatures? given = null;
            try
            {
                given = site.Call(() => hook(context, features));
                return PictureCheck.Misfit(given, form, segments) is { } wrong ? throw site.Refusal(wrong) : given;
            }
            catch
            {
                Drop(given);
                features.Dispose();
                throw;
            }
        };
    }

    public static BeforeDecoderHook Guard(string method, BeforeDecoderHook hook)
    {
        HookSite site = new(method, "before the decoder");
        return (context, tokens) =>
        {
            RowForm form = RowForm.Of(tokens.Rows);
            IReadOnlyList<VisualSegment> segments = tokens.Segments;
            VisualTokens? given = null;
            try
            {
                given = site.Call(() => hook(context, tokens));
                return PictureCheck.Misfit(given, form, segments) is { } wrong ? throw site.Refusal(wrong) : given;
            }
            catch
            {
                given?.Rows?.Dispose();
                tokens.Dispose();
                throw;
            }
        };
    }

    public static BeforeLayerHook Guard(string method, int layer, BeforeLayerHook hook)
    {
        HookSite site = HookSite.Of(method, layer, "before the layer");
        return (context, rows) =>
        {
            RowForm form = RowForm.Of(rows);
            Tensor? given = site.Call(() => hook(context, rows));
            return Checked(site, given, rows, RowForm.Disposed(rows) ?? Rows(given, rows, form));
        };
    }

    public static BeforeAttentionHook Guard(string method, int layer, BeforeAttentionHook hook)
    {
        HookSite site = HookSite.Of(method, layer, "before attention");
        return (context, normed) =>
        {
            RowForm form = RowForm.Of(normed);
            AttentionInput? given = site.Call(() => hook(context, normed));
            string? wrong = RowForm.Disposed(normed) ?? Rows(given?.Rows, normed, form)
                ?? (given?.Deltas is { } deltas ? DeltaCheck.Misfit(deltas, context, form) : null);
            Checked(site, given?.Rows, normed, wrong);
            return given;
        };
    }

    public static RouteHook Guard(string method, int layer, RouteUse use, RouteHook hook)
    {
        HookSite site = HookSite.Of(method, layer, "routing"), replacement = HookSite.Of(method, layer, "replacing it");
        return (context, rows, normed) =>
        {
            IReadOnlyList<LayerRoute>? plans = site.Call(() => hook(context, rows, normed));
            if ((RowForm.Disposed(rows) ?? RowForm.Disposed(normed) ?? RouteCheck.Misfit(plans, context, use)) is { } wrong)
            {
                RouteCheck.Drop(plans);
                throw site.Refusal(wrong);
            }

            return plans!.Any(plan => plan is LayerRoute.Composite) ? [.. plans!.Select(plan => Guard(replacement, plan))] : plans!;
        };
    }

    public static AfterAttentionHook Guard(string method, int layer, AfterAttentionHook hook)
    {
        HookSite site = HookSite.Of(method, layer, "after attention");
        return (context, statistics) =>
        {
            RowSelection? given = site.Call(() => hook(context, statistics));
            return RowCheck.Misfit(given, context) is { } wrong ? throw site.Refusal(wrong) : given;
        };
    }

    public static AfterLayerHook Guard(string method, int layer, AfterLayerHook hook)
    {
        HookSite site = HookSite.Of(method, layer, "after the layer");
        return (context, rows, statistics) =>
        {
            RowSelection? given = site.Call(() => hook(context, rows, statistics));
            return (RowForm.Disposed(rows) ?? RowCheck.Misfit(given, context)) is { } wrong ? throw site.Refusal(wrong) : given;
        };
    }

    private static LayerRoute Guard(HookSite site, LayerRoute plan)
        => plan is not LayerRoute.Composite composite ? plan : new LayerRoute.Composite(input =>
        {
            RowForm form = RowForm.Of(input.Rows);
            Tensor given = site.Call(() => composite.Compute(input));
            string? wrong = RowForm.Disposed(input.Rows) ?? RowForm.Disposed(input.Normed) ?? form.Misfit(given, "rows", form.Count, anyFloat: true);
            return Checked(site, given, input.Rows, wrong)!;
        });

    private static string? Rows(Tensor? given, Tensor lent, RowForm form)
        => given is null || ReferenceEquals(given, lent) ? null : form.Misfit(given, "rows", form.Count, anyFloat: true);

    private static Tensor? Checked(HookSite site, Tensor? given, Tensor lent, string? wrong)
    {
        if (wrong is null)
        {
            return given;
        }

        if (!ReferenceEquals(given, lent))
        {
            given?.Dispose();
        }

        throw site.Refusal(wrong);
    }

    private static void Drop(VisionFeatures? given)
    {
        given?.Tokens?.Dispose();
        foreach (Tensor? state in given?.HiddenStates.Values ?? [])
        {
            state?.Dispose();
        }
    }
}
