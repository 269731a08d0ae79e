using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace MyMethod;

/// <summary>Entry of the plugin: registers the method <c>mymethod</c>.</summary>
public sealed class MyMethodPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services.AddKeyedSingleton<IMethodFactory, MyMethodFactory>(MyMethodFactory.MethodName);
}
