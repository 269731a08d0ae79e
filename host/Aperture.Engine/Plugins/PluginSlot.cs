using Aperture.Tasks;

namespace Aperture.Plugins;

/// <summary>What the host keeps of one plugin. Guarded by the host's lock.</summary>
internal sealed class PluginSlot(PluginEntry entry)
{
    public PluginEntry Entry { get; } = entry;

    public PluginHandle? Handle { get; set; }

    public int Leases { get; set; }

    /// <summary>Completed when the last lease comes back; set while an unload waits for that. No lease is given meanwhile.</summary>
    public TaskCompletionSource? Closing { get; set; }

    public IReadOnlyList<PluginMethod>? Methods { get; set; }

    public IReadOnlyList<PluginTask>? Tasks { get; set; }

    public PluginFailure? Failure { get; set; }

    public PluginStatus Status => new(Entry, Handle is not null, Leases, Methods ?? [], Failure) { Tasks = Tasks ?? [] };
}
