using System.Runtime.CompilerServices;
using Aperture.Scheduling;

namespace Aperture.Plugins;

/// <summary>The steps of an unload after the last lease is back.</summary>
internal static class PluginUnloading
{
    public static async Task<PluginUnload> RunAsync(PluginSlot slot, Lock gate, ShadowStore shadows, RetiredPlugins retired, int maxCollections)
    {
        // The handle must not be a local of this method: it would live in the state machine while the garbage is collected.
        Released released = await ReleaseAsync(slot, gate, retired).ConfigureAwait(false);
        for (int collections = 1; collections <= maxCollections; collections++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Forced, blocking: true);
            GC.WaitForPendingFinalizers();
            if (!released.Context.IsAlive)
            {
                Remove(shadows, gate, released.Shadow, stillUsed: false);
                return new PluginUnload.Unloaded(slot.Entry.Id, collections) { DisposeError = released.DisposeError };
            }

            if (collections > 2)
            {
                // Work that the plugin left on other threads (a timer, a pool task, the JIT compiler's queue) gets time to end.
                await Task.Delay(TimeSpan.FromMilliseconds(10)).ConfigureAwait(false);
            }
        }

        Remove(shadows, gate, released.Shadow, stillUsed: true);
        return new PluginUnload.Pinned(slot.Entry.Id, Hint(released.Pins)) { DisposeError = released.DisposeError };
    }

    private static async Task<Released> ReleaseAsync(PluginSlot slot, Lock gate, RetiredPlugins retired)
    {
        PluginHandle handle = Take(slot, gate);
        string? error = await handle.DisposeServicesAsync().ConfigureAwait(false);
        RuntimeCaches.Clear();
        handle.RetireTo(retired, slot.Entry.Id);
        return new Released(handle.StartUnload(), handle.Shadow, handle.Pins, error);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static PluginHandle Take(PluginSlot slot, Lock gate)
    {
        lock (gate)
        {
            PluginHandle handle = slot.Handle!;
            slot.Handle = null;
            return handle;
        }
    }

    private static void Remove(ShadowStore shadows, Lock gate, string shadow, bool stillUsed)
    {
        lock (gate)
        {
            shadows.Remove(shadow, stillUsed);
        }
    }

    private static string Hint(IReadOnlyList<string> pins) => pins.Count > 0
        ? $"it uses {string.Join(" and ", pins)}, which keeps its types for ever; use source-generated System.Text.Json or plain code instead"
        : "look for one of its objects in a static field, an event, a thread-static, an AsyncLocal or a variable of the session, or for a thread or timer of "
            + "its own that still runs";

    private sealed record Released(WeakReference Context, string Shadow, IReadOnlyList<string> Pins, string? DisposeError);
}
