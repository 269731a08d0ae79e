using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

public sealed class ThrowingConstructorPlugin : IAperturePlugin
{
    public ThrowingConstructorPlugin() => throw new OwnException("no licence file");

    public void Register(IServiceCollection services)
    {
    }

    private sealed class OwnException(string message) : Exception(message);
}
