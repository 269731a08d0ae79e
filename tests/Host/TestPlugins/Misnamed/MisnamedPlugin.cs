using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

public sealed class MisnamedPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services) =>
        services.AddKeyedSingleton<IMethodFactory>("one", (_, _) => new TestMethod("another", ""));
}
