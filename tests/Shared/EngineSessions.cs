using Aperture.Hub;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Tests;

/// <summary>Sessions over the plugins that are built beside the tests.</summary>
public static class EngineSessions
{
    // Plugins are compiled anew in every context that they are loaded into: once a test process instead of once a test.
    private static readonly Lazy<PluginHost> _plugins = new(() =>
    {
        PluginHost plugins = new(PluginCatalog.Read());
        AppDomain.CurrentDomain.ProcessExit += (_, _) => plugins.DisposeAsync().AsTask().GetAwaiter().GetResult();
        return plugins;
    });

    /// <summary>A session that shares its plugins with the others of this process, in float32 with one thread unless options say otherwise.</summary>
    public static EngineSession Open(ModelOptions? options = null, Action<string>? onNotice = null, long? prefixMemory = null)
        => new(_plugins.Value, Cache, options ?? Small, ownsPlugins: false)
        {
            OnNotice = onNotice,
            PrefixMemory = prefixMemory ?? new EngineOptions().PrefixMemory,
        };

    /// <summary>A session with plugins of its own, for tests that count what is loaded, unload or reload.</summary>
    public static EngineSession OpenAlone(ModelOptions? options = null, Action<string>? onNotice = null, PluginCatalog? catalog = null)
        => new(new PluginHost(catalog ?? PluginCatalog.Read()), Cache, options ?? Small) { OnNotice = onNotice };

    private static HubCache Cache => new(HubSettings.FromEnvironment());

    private static ModelOptions Small => new() { Type = "float32", Threads = 1 };
}
