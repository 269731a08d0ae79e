using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Host;

/// <summary>The scripts' <c>Plugins</c>.</summary>
/// <param name="session">The engine session.</param>
/// <param name="holders">The variables that hold objects of unloaded plugins.</param>
public sealed class PluginGlobals(EngineSession session, Func<IReadOnlyList<string>> holders)
{
    /// <summary>The plugins with their methods and tasks, and how they stand; loads those that are enabled.</summary>
    public IReadOnlyList<PluginStatus> List
    {
        get
        {
            session.Plugins.LoadAll(out _); // What does not load says so in its status.
            return session.Plugins.Plugins;
        }
    }

    /// <summary>
    /// Unloads a plugin and loads what its folder holds now, for instance after a rebuild. It waits for questions that are being answered, and later ones wait
    /// for it. Pipelines with its methods take the new ones at their next question; other variables that hold other objects of the old version are refused from
    /// then on.
    /// </summary>
    /// <param name="id">The plugin's id.</param>
    /// <param name="cancellationToken">Ends the waiting; the plugin stays as it is then.</param>
    public async Task<PluginReload> Reload(string id, CancellationToken cancellationToken = default)
    {
        PluginReload reload = await session.ReloadAsync(id, cancellationToken).ConfigureAwait(false);
        return reload with { Holders = holders() };
    }
}
