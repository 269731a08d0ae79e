using Aperture.Tasks;

namespace Aperture.Plugins;

/// <summary>How a plugin stands at a moment.</summary>
/// <param name="Entry">Its entry in the catalog.</param>
/// <param name="Loaded">Whether it is in memory.</param>
/// <param name="Leases">How many objects use it.</param>
/// <param name="Methods">Its methods as last seen; none before its first load.</param>
/// <param name="Failure">Why its last load failed; null if it did not.</param>
public sealed record PluginStatus(PluginEntry Entry, bool Loaded, int Leases, IReadOnlyList<PluginMethod> Methods, PluginFailure? Failure)
{
    /// <summary>Its tasks as last seen; none before its first load.</summary>
    public IReadOnlyList<PluginTask> Tasks { get; init; } = [];
}
