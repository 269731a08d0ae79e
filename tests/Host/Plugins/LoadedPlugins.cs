using Aperture.Plugins;

namespace Aperture.Host.Tests.Plugins;

/// <summary>The catalog's plugins, each loaded once for all tests of a class.</summary>
public sealed class LoadedPlugins : IAsyncDisposable
{
    /// <summary>Makes the host; each plugin is loaded when a test first asks for it.</summary>
    public LoadedPlugins() => Host = Another();

    public PluginHost Host { get; }

    internal PluginSandbox Sandbox { get; } = new();

    /// <summary>Another host over the same plugins, for a test that unloads them; the caller disposes it.</summary>
    public PluginHost Another() => new(PluginCatalog.Read(), new PluginHostOptions { ShadowParent = Sandbox.Shadows });

    public async ValueTask DisposeAsync()
    {
        await Host.DisposeAsync();
        Sandbox.Dispose();
    }
}
