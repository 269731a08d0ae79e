using Aperture.Decoding;
using Aperture.Measuring;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>A reducer whose declaration is a delegate.</summary>
internal sealed class ProbeReducer(string name, Action<IReducerSites> declare, bool keepsPrefixes = false) : ITokenReducer
{
    public string Name => name;

    public bool KeepsPrefixes => keepsPrefixes;

    public void Declare(IReducerSites sites) => declare(sites);

    public void Dispose()
    {
    }
}

/// <summary>A router whose declaration is a delegate.</summary>
internal sealed class ProbeRouter(string name, Action<IRouterSites> declare) : ILayerRouter
{
    public string Name => name;

    public void Declare(IRouterSites sites) => declare(sites);

    public void Dispose()
    {
    }

    /// <summary>A router that answers the same kind of plan for every sample of a layer.</summary>
    public static ProbeRouter Of(int layer, RouteUse use, Func<ILayerContext, int, LayerRoute> plan)
        => new(
            "router", sites
                => sites.Route(
                    layer, DecoderPhase.All, use, (context, _, _) => [.. Enumerable.Range(0, context.Samples).Select(sample => plan(context, sample))]));
}
