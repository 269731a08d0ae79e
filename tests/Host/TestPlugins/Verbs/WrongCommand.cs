using Aperture.Plugins;

namespace Aperture.TestPlugins;

/// <summary>A command with an option that the host adds itself.</summary>
internal sealed class WrongCommand : IPluginCommand
{
    public string Name => "wrong";

    public string Summary => "Never runs.";

    public bool NeedsModel => true;

    public IReadOnlyList<CommandParameter> Options => [new("dtype", "Mine.")];

    public Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken) => Task.FromResult(0);
}
