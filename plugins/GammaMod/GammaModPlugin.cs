using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.GammaMod;

/// <summary>Entry of the plugin: registers the method <c>gamma-mod</c>.</summary>
public sealed class GammaModPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services.AddKeyedSingleton<IMethodFactory, GammaModFactory>(GammaModFactory.MethodName);
}
