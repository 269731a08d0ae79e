using Aperture.Engine;
using Aperture.Plugins.Hosting;

namespace Aperture.Host;

/// <summary>The scripts' <c>Plugins</c>.</summary>
/// <param name="session">The engine session.</param>
/// <param name="holders">The variables that hold objects of unloaded plugins.</param>
/// <param name="cancellation">Fires at Ctrl+C.</param>
public sealed class PluginGlobals(EngineSession session, Func<IReadOnlyList<string>> holders, CancellationToken cancellation)
{
    /// <summary>The plugins and how they stand.</summary>
    public IReadOnlyList<PluginStatus> List => session.Plugins.Plugins;

    /// <summary>
    /// Unloads a plugin and loads what its folder holds now, for instance after a rebuild. Pipelines with its methods take the new ones at their next question; other
    /// variables that hold other objects of the old version are refused from then on.
    /// </summary>
    /// <param name="id">The plugin's id.</param>
    public async Task<PluginReload> Reload(string id)
    {
        PluginReload reload = await session.ReloadAsync(id, cancellation).ConfigureAwait(false);
        return reload with { Holders = holders() };
    }
}
