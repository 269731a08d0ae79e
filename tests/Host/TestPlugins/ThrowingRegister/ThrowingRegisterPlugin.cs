using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

public sealed class ThrowingRegisterPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services) => throw new NotSupportedException("not on this machine");
}
