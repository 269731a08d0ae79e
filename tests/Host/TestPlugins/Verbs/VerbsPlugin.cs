using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

public sealed class VerbsPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services)
        => services
            .AddKeyedSingleton<IPluginCommand, CountCommand>("count")
            .AddKeyedSingleton<IPluginCommand, LengthsCommand>("lengths")
            .AddKeyedSingleton<IPluginCommand, WrongCommand>("wrong");
}
