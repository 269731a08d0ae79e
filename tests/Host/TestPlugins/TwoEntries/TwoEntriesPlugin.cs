using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

public class FirstPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services)
    {
    }
}

public sealed class SecondPlugin : FirstPlugin;
