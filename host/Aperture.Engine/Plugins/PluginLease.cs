using Aperture.Tasks;

namespace Aperture.Plugins;

/// <summary>
/// The right to use a plugin: it does not unload while a lease is out. Whoever keeps an object of the plugin holds a lease as long, drops the object, then
/// disposes the lease.
/// </summary>
public sealed class PluginLease : IDisposable
{
    private readonly Action _giveBack;
    private PluginHandle? _handle;

    internal PluginLease(PluginEntry entry, PluginHandle handle, Action giveBack)
    {
        Entry = entry;
        _handle = handle;
        _giveBack = giveBack;
    }

    /// <summary>The plugin's entry in the catalog.</summary>
    public PluginEntry Entry { get; }

    /// <summary>The plugin's method factories.</summary>
    /// <exception cref="ObjectDisposedException">The lease was given back.</exception>
    public IReadOnlyList<IMethodFactory> Methods => Handle.Methods;

    /// <summary>The plugin's task factories.</summary>
    /// <exception cref="ObjectDisposedException">The lease was given back.</exception>
    public IReadOnlyList<ITaskFactory> Tasks => Handle.Tasks;

    /// <summary>The names of all methods and tasks of the plugin.</summary>
    /// <exception cref="ObjectDisposedException">The lease was given back.</exception>
    public IReadOnlyList<string> Names => [.. Methods.Select(method => method.Name), .. Tasks.Select(task => task.Name)];

    /// <summary>The plugin's commands.</summary>
    /// <exception cref="ObjectDisposedException">The lease was given back.</exception>
    public IReadOnlyList<IPluginCommand> Commands => Handle.Commands;

    /// <summary>The plugin's services. Valid as long as the lease.</summary>
    /// <exception cref="ObjectDisposedException">The lease was given back.</exception>
    public IServiceProvider Services => Handle.Services;

    private PluginHandle Handle => _handle ?? throw new ObjectDisposedException(nameof(PluginLease));

    /// <summary>The factory of a method.</summary>
    /// <param name="name">The method's name, in any case.</param>
    /// <exception cref="ApertureException">The plugin has no such method.</exception>
    public IMethodFactory Method(string name) =>
        Methods.FirstOrDefault(method => string.Equals(method.Name, name, StringComparison.OrdinalIgnoreCase))
        ?? throw new ApertureException($"Plugin '{Entry.Id}' has no method '{name}'; it has {string.Join(", ", Methods.Select(method => method.Name))}.");

    /// <summary>Gives the lease back. A second call does nothing.</summary>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _handle, null) is not null)
        {
            _giveBack();
        }
    }
}
