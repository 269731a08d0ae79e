namespace Aperture.Decoding;

/// <summary>What is called at the sites of one layer in one phase. Null where nobody asked.</summary>
internal sealed record LayerHooks
{
    /// <summary>A layer without hooks, for a trace that listens everywhere.</summary>
    public static LayerHooks None { get; } = new();

    public BeforeLayerHook[]? BeforeLayer { get; init; }

    public (RouteHook Hook, RouteUse Use, string Method)[]? Route { get; init; }

    public BeforeAttentionHook[]? BeforeAttention { get; init; }

    public AfterAttentionHook[]? AfterAttention { get; init; }

    public AfterLayerHook[]? AfterLayer { get; init; }

    /// <summary>Whether a hook after the layer reads attention statistics.</summary>
    public bool AfterLayerNeedsAttention { get; init; }
}
