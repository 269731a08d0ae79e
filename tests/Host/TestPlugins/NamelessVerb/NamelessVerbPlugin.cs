using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

/// <summary>Registers a command under a name that is not its own.</summary>
public sealed class NamelessVerbPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services) => services.AddKeyedSingleton<IPluginCommand, ShyCommand>("outspoken");

    private sealed class ShyCommand : IPluginCommand
    {
        public string Name => "shy";

        public string Summary => "Shy.";

        public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken) => Task.FromResult(0);
    }
}
