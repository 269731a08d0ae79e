using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.FitPrune;

/// <summary>Entry of the plugin: registers the method <c>fitprune</c>.</summary>
public sealed class FitPrunePlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services.AddKeyedSingleton<IMethodFactory, FitPruneFactory>(FitPruneFactory.MethodName);
}
