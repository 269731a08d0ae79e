using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Scripting;

/// <summary>The plugins and their methods as a table.</summary>
internal static class PluginTable
{
    public static DisplayTable Create(IReadOnlyList<PluginStatus> plugins) =>
        new(["plugin", "state", "in use by", "method", "what it does"], [.. plugins.SelectMany(Rows)]);

    /// <summary>Methods alone.</summary>
    public static DisplayTable Create(IReadOnlyList<PluginMethod> methods) =>
        new(["method", "plugin", "what it does"], [.. methods.Select(method => (IReadOnlyList<string>)[method.Name, method.Plugin, method.Summary])]);

    private static IEnumerable<IReadOnlyList<string>> Rows(PluginStatus plugin)
    {
        string state = plugin.Loaded ? "loaded" : !plugin.Entry.Enabled ? "disabled" : plugin.Failure is null ? "not loaded yet" : "fails";
        IReadOnlyList<PluginMethod> methods = plugin.Methods;
        for (int row = 0; row < Math.Max(1, methods.Count); row++)
        {
            (string name, string summary) = row < methods.Count ? (methods[row].Name, methods[row].Summary) : ("", plugin.Failure?.Message ?? "");
            yield return row == 0 ? [plugin.Entry.Id, state, plugin.Leases == 0 ? "" : $"{plugin.Leases}", name, summary] : ["", "", "", name, summary];
        }
    }
}
