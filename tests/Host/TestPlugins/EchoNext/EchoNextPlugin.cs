using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

public sealed class EchoPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services) =>
        services.AddKeyedSingleton<IMethodFactory>("echo", (_, _) => new TestMethod("echo", "version 2"));
}
