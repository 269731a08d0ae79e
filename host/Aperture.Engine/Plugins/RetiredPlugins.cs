using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;

namespace Aperture.Plugins;

/// <summary>Remembers which load contexts belonged to plugins that have been unloaded, as long as something keeps one of them in memory.</summary>
internal sealed class RetiredPlugins
{
    private readonly ConditionalWeakTable<AssemblyLoadContext, string> _plugins = [];

    public void Add(AssemblyLoadContext context, string plugin) => _plugins.AddOrUpdate(context, plugin);

    /// <summary>The id of the unloaded plugin that an assembly came with; null for every other assembly.</summary>
    public string? PluginOf(Assembly assembly) =>
        AssemblyLoadContext.GetLoadContext(assembly) is { } context && _plugins.TryGetValue(context, out string? plugin) ? plugin : null;
}
