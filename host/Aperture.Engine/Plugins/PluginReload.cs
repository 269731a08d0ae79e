using Aperture.Pipelines;

namespace Aperture.Plugins;

/// <summary>How a reload ended.</summary>
/// <param name="Unload">How the old version left.</param>
/// <param name="Failure">Why the new version did not load; null if it did, or if the old one is in use and was kept.</param>
public sealed record PluginReload(PluginUnload Unload, PluginFailure? Failure)
{
    /// <summary>Variables of a session that hold objects of unloaded plugins, where the caller looked for them.</summary>
    public IReadOnlyList<string> Holders { get; init; } = [];

    /// <summary>Whether the folder's present version is loaded now.</summary>
    public bool Reloaded => Unload.Left && Failure is null;

    /// <summary>One line.</summary>
    public string Message => Failure is not null ? Failure.Message
        : Unload switch
        {
            PluginUnload.InUse => Unload.Message,
            PluginUnload.Pinned when Holders.Count > 0 =>
                $"Plugin '{Unload.Plugin}' is reloaded; its old version stays in memory as long as variables hold objects of it: "
                + $"{string.Join(", ", Holders)}. Declare them anew.",
            PluginUnload.Pinned => $"Plugin '{Unload.Plugin}' is reloaded; its old version stays in memory. {Unload.Message}",
            _ => $"Plugin '{Unload.Plugin}' is reloaded."
                + (Unload.DisposeError is null ? "" : $" Disposing the old version's services threw {Unload.DisposeError}."),
        };
}
