namespace Aperture.Plugins;

/// <summary>A method that a plugin offers, described with the host's own objects only: it stays valid when the plugin unloads.</summary>
/// <param name="Plugin">The plugin's id.</param>
/// <param name="Name">The name users write.</param>
/// <param name="Summary">One line.</param>
/// <param name="Options">Its options.</param>
public sealed record PluginMethod(string Plugin, string Name, string Summary, IReadOnlyList<MethodOption> Options)
{
    /// <summary>Patterns of the weights it claims in a model's checkpoint.</summary>
    public IReadOnlyList<string> WeightKeys { get; init; } = [];

    /// <summary>
    /// For a method that stands beside others in every comparison: the option that takes a constant number of visual tokens an image; null for every other
    /// method.
    /// </summary>
    public string? BaselineOption { get; init; }
}
