namespace Aperture.Decoding;

/// <summary>What is called at the sites of one layer in one phase. Null where nobody asked.</summary>
internal sealed record LayerHooks
{
    /// <summary>A layer without hooks, for a trace that listens everywhere.</summary>
    public static LayerHooks None { get; } = new();

    public BeforeLayerHook[]? BeforeLayer { get; init; }

    public RouteHook[]? Route { get; init; }

    public BeforeAttentionHook[]? BeforeAttention { get; init; }

    public AfterAttentionHook[]? AfterAttention { get; init; }

    public AfterLayerHook[]? AfterLayer { get; init; }

    /// <summary>Whether a hook after the layer reads attention statistics.</summary>
    public bool AfterLayerNeedsAttention { get; init; }

    /// <summary>The same hooks, each timed by a clock.</summary>
    public LayerHooks Timed(HookClock clock) => new()
    {
        BeforeLayer = Each(BeforeLayer, hook => (context, rows) => clock.Time(() => hook(context, rows))),
        Route = Each(Route, hook => (context, rows, normed) => clock.Time(() => hook(context, rows, normed))),
        BeforeAttention = Each(BeforeAttention, hook => (context, normed) => clock.Time(() => hook(context, normed))),
        AfterAttention = Each(AfterAttention, hook => (context, statistics) => clock.Time(() => hook(context, statistics))),
        AfterLayer = Each(AfterLayer, hook => (context, rows, statistics) => clock.Time(() => hook(context, rows, statistics))),
        AfterLayerNeedsAttention = AfterLayerNeedsAttention,
    };

    private static T[]? Each<T>(T[]? hooks, Func<T, T> wrap)
        where T : Delegate
        => hooks is null ? null : [.. hooks.Select(wrap)];
}
