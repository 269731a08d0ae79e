using Aperture.Plugins;
using Aperture.Scripting;

namespace Aperture.Host;

/// <summary>The scripts' <c>Methods</c>.</summary>
/// <param name="plugins">The plugins that offer them.</param>
/// <param name="display">Where <see cref="Show"/> goes.</param>
public sealed class MethodGlobals(PluginHost plugins, IScriptDisplay display)
{
    /// <summary>The methods of all enabled plugins; loads the plugins. One that does not load stands in <c>Plugins.List</c>.</summary>
    public IReadOnlyList<PluginMethod> List => plugins.LoadAll(out _);

    /// <summary>A method: its summary, paper and options.</summary>
    /// <param name="name">The name that <c>With</c> takes.</param>
    /// <exception cref="ApertureException">No enabled plugin offers it.</exception>
    public PluginMethod this[string name] => plugins.Describe(name);

    /// <summary>Shows what a method does and its options; <c>#method NAME</c> does the same.</summary>
    /// <param name="name">The name that <c>With</c> takes; null lists all methods.</param>
    /// <exception cref="ApertureException">No enabled plugin offers it.</exception>
    public void Show(string? name = null)
    {
        if (name is null)
        {
            display.Show(List);
        }
        else
        {
            MethodHelp.Show(display, this[name]);
        }
    }

    /// <summary>The names.</summary>
    public override string ToString() => string.Join(", ", List.Select(method => method.Name));
}
