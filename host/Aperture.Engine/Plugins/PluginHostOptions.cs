using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Aperture.Plugins;

/// <summary>Settings of a <see cref="PluginHost"/>.</summary>
public sealed record PluginHostOptions
{
    /// <summary>The folder under which copies of loaded plugins are kept; null: the system's folder for temporary files.</summary>
    public string? ShadowParent { get; init; }

    /// <summary>Where plugins that ask for an <c>ILogger</c> write. The host does not dispose it.</summary>
    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;

    /// <summary>How many garbage collections an unload tries before it calls a plugin pinned. Two or three suffice for a plugin that nothing holds.</summary>
    public int MaxCollections { get; init; } = 20;

    /// <summary>How long disposing the host waits for leases.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(5);
}
