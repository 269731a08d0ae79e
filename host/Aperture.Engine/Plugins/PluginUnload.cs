using Aperture.Pipelines;

namespace Aperture.Plugins;

/// <summary>How an unload ended: a closed set.</summary>
public abstract record PluginUnload
{
    private PluginUnload(string plugin) => Plugin = plugin;

    /// <summary>The plugin's id.</summary>
    public string Plugin { get; }

    /// <summary>What the plugin's services threw while they were disposed; null if nothing.</summary>
    public string? DisposeError { get; init; }

    /// <summary>Whether the plugin is out of the host's hands, so that it can be loaded anew.</summary>
    public bool Left => this is not InUse;

    /// <summary>One line: what happened and, if anything is wrong, how to mend it.</summary>
    public string Message => Text + (DisposeError is null ? "" : $" Disposing its services threw {DisposeError}.");

    private protected abstract string Text { get; }

    /// <summary>The plugin's code is out of memory.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Collections">How many garbage collections it took.</param>
    public sealed record Unloaded(string Plugin, int Collections) : PluginUnload(Plugin)
    {
        private protected override string Text => $"Plugin '{Plugin}' is unloaded.";
    }

    /// <summary>The plugin was not loaded.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    public sealed record NotLoaded(string Plugin) : PluginUnload(Plugin)
    {
        private protected override string Text => $"Plugin '{Plugin}' is not loaded.";
    }

    /// <summary>Objects still use the plugin; it stays loaded.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Leases">How many.</param>
    public sealed record InUse(string Plugin, int Leases) : PluginUnload(Plugin)
    {
        private protected override string Text =>
            $"Plugin '{Plugin}' is in use by {Leases} {(Leases == 1 ? "object" : "objects")}; dispose the pipelines made with its methods and try again.";
    }

    /// <summary>The host let the plugin go, but something keeps its code in memory. It does no harm but costs memory with every reload.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Hint">What is likely to hold it.</param>
    public sealed record Pinned(string Plugin, string Hint) : PluginUnload(Plugin)
    {
        private protected override string Text => $"Plugin '{Plugin}' was let go but stays in memory: {Hint}.";
    }
}
