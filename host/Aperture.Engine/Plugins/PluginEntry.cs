using System.Text.Json;

namespace Aperture.Plugins;

/// <summary>One plugin of <c>plugins.json</c>.</summary>
/// <param name="Id">The name users write; letters, digits, dots, dashes and underscores, matched without regard to case.</param>
/// <param name="Folder">Full path of the plugin's folder.</param>
/// <param name="Enabled">Whether the plugin's methods are offered.</param>
/// <param name="Options">
/// Default options: an object, or undefined where the file gives none. See <see cref="PluginDefaults"/> for how they reach a method.
/// </param>
public sealed record PluginEntry(string Id, string Folder, bool Enabled = true, JsonElement Options = default);
