using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.Baselines;

/// <summary>Entry of the plugin: registers the methods <c>random</c>, <c>pooling</c> and <c>downsample</c>, which every other method has to beat.</summary>
public sealed class BaselinesPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services
            .AddKeyedSingleton<IMethodFactory, RandomFactory>(RandomFactory.MethodName)
            .AddKeyedSingleton<IMethodFactory, PoolingFactory>(PoolingFactory.MethodName)
            .AddKeyedSingleton<IMethodFactory, DownsampleFactory>(DownsampleFactory.MethodName);
}
