using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

/// <summary>Has a command of another plugin's name, and one of a built-in verb's.</summary>
public sealed class SameVerbPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services)
    {
        foreach (string name in (string[])["count", "ask"])
        {
            services.AddKeyedSingleton<IPluginCommand>(name, (_, _) => new NamedCommand(name));
        }
    }

    private sealed class NamedCommand(string name) : IPluginCommand
    {
        public string Name => name;

        public string Summary => "Another one.";

        public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken) => Task.FromResult(0);
    }
}
