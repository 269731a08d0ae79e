using System.Reflection;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Pipelines;
using Aperture.Tasks;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins;

/// <summary>
/// Loads plugins when they are first needed, each into an unloadable context and with a service provider of its own, hands out their methods under leases, and
/// unloads and reloads them. Safe to use from several threads.
/// </summary>
public sealed class PluginHost : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly PluginHostOptions _options;
    private readonly ShadowStore _shadows;
    private readonly PluginLoading _loading;
    private readonly RetiredPlugins _retired = new();
    private readonly List<PluginSlot> _slots;
    private bool _disposed;

    /// <summary>Makes a host for a catalog's plugins. Nothing is loaded yet.</summary>
    /// <param name="catalog">The plugins.</param>
    /// <param name="options">Settings; null: the defaults.</param>
    public PluginHost(PluginCatalog catalog, PluginHostOptions? options = null)
    {
        Catalog = catalog;
        _options = options ?? new PluginHostOptions();
        _shadows = new ShadowStore(_options.ShadowParent);
        _loading = new PluginLoading(_shadows, _options.Loggers);
        _slots = [.. catalog.Entries.Select(entry => new PluginSlot(entry))];
    }

    /// <summary>The plugins that the host knows.</summary>
    public PluginCatalog Catalog { get; }

    /// <summary>How each plugin stands, in the catalog's order.</summary>
    public IReadOnlyList<PluginStatus> Plugins
    {
        get
        {
            lock (_gate)
            {
                return [.. _slots.Select(slot => slot.Status)];
            }
        }
    }

    /// <summary>Loads a plugin, unless it is loaded.</summary>
    /// <param name="id">The plugin's id.</param>
    /// <returns>Why it did not load; null if it is loaded now.</returns>
    /// <exception cref="ApertureException">There is no such plugin, or it is disabled.</exception>
    public PluginFailure? Load(string id)
    {
        lock (_gate)
        {
            return Load(Slot(id));
        }
    }

    /// <summary>Loads every enabled plugin and lists the methods.</summary>
    /// <param name="failures">Plugins that did not load.</param>
    public IReadOnlyList<PluginMethod> LoadAll(out IReadOnlyList<PluginFailure> failures)
    {
        lock (_gate)
        {
            List<PluginFailure> failed = [];
            List<PluginMethod> methods = [];
            foreach (PluginSlot slot in _slots.Where(slot => slot.Entry.Enabled))
            {
                if (Load(slot) is { } failure)
                {
                    failed.Add(failure);
                }
                else
                {
                    methods.AddRange(slot.Methods!);
                }
            }

            failures = failed;
            return methods;
        }
    }

    /// <summary>Takes a lease on a plugin, loading it if need be.</summary>
    /// <param name="id">The plugin's id.</param>
    /// <exception cref="ApertureException">There is no such plugin, it is disabled, does not load, or is being unloaded.</exception>
    public PluginLease Lease(string id)
    {
        lock (_gate)
        {
            PluginSlot slot = Slot(id);
            return Load(slot) is { } failure ? throw new ApertureException(failure.Message) : Lease(slot);
        }
    }

    /// <summary>
    /// Takes a lease on the plugin that offers a method, loading plugins until it is found: first the one whose id is the method's name, then the others in the
    /// catalog's order.
    /// </summary>
    /// <param name="method">The method's name, in any case.</param>
    /// <exception cref="ApertureException">No enabled plugin offers it; the message names the methods there are and the plugins that did not load.</exception>
    public PluginLease LeaseFor(string method)
    {
        lock (_gate)
        {
            return Lease(Offering(method));
        }
    }

    /// <summary>What a plugin says of a method that it offers; loads plugins until one does, as <see cref="LeaseFor(string)"/>.</summary>
    /// <param name="method">The method's name, in any case.</param>
    /// <exception cref="ApertureException">No enabled plugin offers it; the message names the nearest ones and all there are.</exception>
    public PluginMethod Describe(string method)
    {
        lock (_gate)
        {
            // What was loaded once stays described while it is being reloaded.
            return _slots.Where(slot => slot.Entry.Enabled).SelectMany(slot => slot.Methods ?? []).FirstOrDefault(known => IsNamed(known.Name, method))
                ?? Offering(method).Methods!.First(known => IsNamed(known.Name, method));
        }
    }

    /// <summary>
    /// Takes a lease on the plugin that has registered a part of a kind under a name, loading plugins until it is found. The part is valid as long as the
    /// lease.
    /// </summary>
    /// <typeparam name="T">The contract that the part is registered as.</typeparam>
    /// <param name="name">The key it is registered under.</param>
    /// <param name="kind">What messages call it.</param>
    /// <param name="part">The part.</param>
    /// <exception cref="ApertureException">No enabled plugin has it; the message names the plugins that did not load.</exception>
    public PluginLease LeaseFor<T>(string name, string kind, out T part)
        where T : class
    {
        lock (_gate)
        {
            List<PluginFailure> failures = [];
            foreach (PluginSlot slot in _slots.Where(slot => slot.Entry.Enabled).OrderByDescending(slot => Precedence(slot, name)))
            {
                if (Load(slot) is { } failure)
                {
                    failures.Add(failure);
                }
                else if (slot.Handle!.Services.GetKeyedService<T>(name) is { } found)
                {
                    part = found;
                    return Lease(slot);
                }
            }

            string nobody = $"No enabled plugin has a {kind} '{name}'; aperture plugins list shows the plugins.";
            throw new ApertureException(string.Join(" ", failures.Select(failure => failure.Message).Prepend(nobody)));
        }
    }

    /// <summary>Loads every enabled plugin and takes leases on those that offer tasks. The caller disposes them.</summary>
    /// <param name="failures">Plugins that did not load.</param>
    /// <exception cref="ApertureException">One of them is being unloaded.</exception>
    public IReadOnlyList<PluginLease> LeaseTasks(out IReadOnlyList<PluginFailure> failures)
    {
        lock (_gate)
        {
            LoadAll(out failures);
            PluginSlot[] offering = [.. _slots.Where(slot => slot.Handle is { Tasks.Count: > 0 })];
            return Array.Find(offering, slot => slot.Closing is not null) is { } closing ? throw BeingUnloaded(closing.Entry) : [.. offering.Select(Lease)];
        }
    }

    /// <summary>
    /// The options that a method would be made with: the user's, and below them the defaults of <c>plugins.json</c>. Loads nothing: where the method's plugin
    /// was never loaded and has another name, the user's alone.
    /// </summary>
    /// <param name="method">The method's name.</param>
    /// <param name="options">The user's options.</param>
    internal JsonElement WithDefaults(string method, JsonElement options)
    {
        lock (_gate)
        {
            PluginSlot? slot = _slots.Find(slot => slot.Methods?.Any(known => IsNamed(known.Name, method)) == true)
                ?? _slots.Find(slot => slot.Methods is null && slot.Entry.Enabled && IsNamed(slot.Entry.Id, method));
            string[] names = slot?.Methods is not { } methods
                ? [method]
                : [.. methods.Select(known => known.Name), .. (slot.Tasks ?? []).Select(known => known.Name)];
            return slot is null ? options : PluginDefaults.Apply(method, names, slot.Entry.Options, options);
        }
    }

    /// <summary>Makes a configured method and holds its plugin for it.</summary>
    /// <param name="method">The method's name.</param>
    /// <param name="options">The user's options: an object, or undefined for none. The plugin's defaults from <c>plugins.json</c> are laid under them.</param>
    /// <param name="decoder">Sizes of the model.</param>
    /// <param name="files">Finds files that options name.</param>
    /// <returns>The method; the caller disposes it.</returns>
    /// <exception cref="ApertureException">No enabled plugin offers the method, or its options do not fit.</exception>
    public LeasedMethod Create(string method, JsonElement options, DecoderInfo decoder, IMethodFiles files)
    {
        PluginLease lease = LeaseFor(method);
        try
        {
            IMethodFactory factory = lease.Method(method);
            JsonElement all = PluginDefaults.Apply(factory.Name, lease.Names, lease.Entry.Options, options);
            return new LeasedMethod(new HookSite(factory.Name, "when it is made").Prepare(() => factory.Create(all, decoder, files)), lease);
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Unloads a plugin: waits until its leases are back (no new ones are given meanwhile), disposes its services, clears the runtime's caches, drops its load
    /// context and collects garbage until its code has left memory, up to <see cref="PluginHostOptions.MaxCollections"/> times.
    /// </summary>
    /// <param name="id">The plugin's id.</param>
    /// <param name="wait">How long to wait for leases; zero refuses at once.</param>
    /// <param name="cancellation">Ends the waiting; the plugin stays loaded then.</param>
    /// <exception cref="ApertureException">There is no such plugin, or it is already being unloaded.</exception>
    /// <exception cref="OperationCanceledException"><paramref name="cancellation"/> fired while waiting for leases.</exception>
    public async Task<PluginUnload> UnloadAsync(string id, TimeSpan wait = default, CancellationToken cancellation = default)
    {
        PluginSlot slot;
        Task returned;
        lock (_gate)
        {
            slot = Slot(id);
            if (slot.Closing is not null)
            {
                throw BeingUnloaded(slot.Entry);
            }

            if (slot.Handle is null)
            {
                return new PluginUnload.NotLoaded(slot.Entry.Id);
            }

            slot.Closing = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (slot.Leases == 0)
            {
                slot.Closing.SetResult();
            }

            returned = slot.Closing.Task;
        }

        try
        {
            if (!returned.IsCompleted && wait > TimeSpan.Zero)
            {
                // A time-out is not an error here: the count below decides.
                await Task.WhenAny(returned, Task.Delay(wait, cancellation)).ConfigureAwait(false);
                cancellation.ThrowIfCancellationRequested();
            }

            lock (_gate)
            {
                if (slot.Leases > 0)
                {
                    return new PluginUnload.InUse(slot.Entry.Id, slot.Leases);
                }
            }

            return await PluginUnloading.RunAsync(slot, _gate, _shadows, _retired, _options.MaxCollections).ConfigureAwait(false);
        }
        finally
        {
            lock (_gate)
            {
                slot.Closing = null;
            }
        }
    }

    /// <summary>Unloads a plugin and loads what its folder holds now. If it is in use, it stays as it is.</summary>
    /// <param name="id">The plugin's id.</param>
    /// <param name="wait">How long to wait for leases; zero refuses at once.</param>
    /// <param name="cancellation">Ends the waiting; the plugin stays loaded then.</param>
    /// <exception cref="ApertureException">There is no such plugin, it is disabled, or it is already being unloaded.</exception>
    public async Task<PluginReload> ReloadAsync(string id, TimeSpan wait = default, CancellationToken cancellation = default)
    {
        PluginUnload unload = await UnloadAsync(id, wait, cancellation).ConfigureAwait(false);
        return new PluginReload(unload, unload.Left ? Load(id) : null);
    }

    /// <summary>The assembly of a plugin, for scripts that name it (<c>#r "FOLDER"</c>); loads the plugin if need be.</summary>
    /// <param name="name">The assembly's name; plugins whose folder has another name are not found.</param>
    /// <returns>Null if no enabled plugin has that name, or if it does not load.</returns>
    public Assembly? FindAssembly(AssemblyName name)
    {
        lock (_gate)
        {
            PluginSlot? slot = _slots.FirstOrDefault(slot => slot.Entry.Enabled && IsNamed(Path.GetFileName(slot.Entry.Folder), name.Name!));
            return slot is null || _disposed || slot.Closing is not null || Load(slot) is not null ? null : slot.Handle!.EntryAssembly;
        }
    }

    /// <summary>
    /// The id of the unloaded plugin that an assembly came with; null for every other assembly. Objects of such an assembly are of no use any more.
    /// </summary>
    /// <param name="assembly">The assembly of an object's type.</param>
    public string? RetiredPluginOf(Assembly assembly) => _retired.PluginOf(assembly);

    /// <summary>
    /// Gives no more leases, waits for those that are out, disposes the services of the plugins and lets them go. A plugin that is still in use after
    /// <see cref="PluginHostOptions.Patience"/> stays as it is, because freeing it could end the process; <see cref="Plugins"/> shows it with its leases.
    /// </summary>
    public async ValueTask DisposeAsync()
    {
        PluginSlot[] loaded;
        Task[] returned;
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            loaded = [.. _slots.Where(slot => slot.Handle is not null)];
            returned =
            [
                .. loaded.Where(slot => slot.Leases > 0).Select(
                    slot => (slot.Closing ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task),
            ];
        }

        if (returned.Length > 0)
        {
            await Task.WhenAny(Task.WhenAll(returned), Task.Delay(_options.Patience)).ConfigureAwait(false);
        }

        foreach (PluginSlot slot in loaded)
        {
            if (TakeUnused(slot) is { } handle)
            {
                await handle.DisposeServicesAsync().ConfigureAwait(false);
                handle.StartUnload();
            }
        }

        if (Plugins.All(plugin => plugin.Leases == 0))
        {
            _shadows.Dispose();
        }
    }

    private PluginHandle? TakeUnused(PluginSlot slot)
    {
        lock (_gate)
        {
            if (slot.Leases > 0)
            {
                return null;
            }

            PluginHandle? handle = slot.Handle;
            slot.Handle = null;
            return handle;
        }
    }

    private PluginFailure? Load(PluginSlot slot)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (!slot.Entry.Enabled)
        {
            throw new ApertureException(Disabled(slot.Entry));
        }

        return slot.Handle is null ? slot.Failure = _loading.Load(slot, _slots) : null;
    }

    private PluginSlot Offering(string method)
    {
        List<PluginFailure> failures = [];
        foreach (PluginSlot slot in _slots.Where(slot => slot.Entry.Enabled).OrderByDescending(slot => Precedence(slot, method)))
        {
            if (Load(slot) is { } failure)
            {
                failures.Add(failure);
            }
            else if (slot.Methods!.Any(known => IsNamed(known.Name, method)))
            {
                return slot;
            }
        }

        string[] names = [.. _slots.Where(slot => slot.Handle is not null).SelectMany(slot => slot.Methods!).Select(known => known.Name)];
        throw new ApertureException(string.Join(" ", (string[])
        [
            $"There is no method '{method}'; {(names.Length == 0 ? "there are none" : NearestNames.Told(method, names, "there are"))}.",
            .. _slots.Where(slot => !slot.Entry.Enabled && IsNamed(slot.Entry.Id, method)).Select(slot => Disabled(slot.Entry)),
            .. failures.Select(failure => failure.Message),
        ]));
    }

    private PluginLease Lease(PluginSlot slot)
    {
        if (slot.Closing is not null)
        {
            throw BeingUnloaded(slot.Entry);
        }

        slot.Leases++;
        return new PluginLease(slot.Entry, slot.Handle!, () => GiveBack(slot));
    }

    private void GiveBack(PluginSlot slot)
    {
        lock (_gate)
        {
            if (--slot.Leases == 0)
            {
                slot.Closing?.TrySetResult();
            }
        }
    }

    private PluginSlot Slot(string id)
    {
        PluginEntry entry = Catalog.Find(id);
        return _slots.First(slot => ReferenceEquals(slot.Entry, entry));
    }

    private static int Precedence(PluginSlot slot, string method) =>
        slot.Methods?.Any(known => IsNamed(known.Name, method)) == true ? 3 : IsNamed(slot.Entry.Id, method) ? 2 : slot.Handle is not null ? 1 : 0;

    private static bool IsNamed(string name, string other) => string.Equals(name, other, StringComparison.OrdinalIgnoreCase);

    private static string Disabled(PluginEntry entry) => $"Plugin '{entry.Id}' is disabled; set \"enabled\": true in plugins.json.";

    private static ApertureException BeingUnloaded(PluginEntry entry) => new($"Plugin '{entry.Id}' is being unloaded; try again when that is done.");
}
