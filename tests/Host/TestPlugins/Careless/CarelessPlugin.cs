using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

public sealed class CarelessPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services) =>
        services.AddKeyedSingleton<IMethodFactory>("careless", (_, _) => new TestMethod("careless", ""));
}
