using Aperture.Pipelines;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins;

/// <summary>
/// Looks through all enabled plugins, in the catalog's order, for the parts that they register under a contract. Holds each plugin that it looked at until it
/// is disposed.
/// </summary>
/// <typeparam name="T">The contract; parts are registered keyed by their names.</typeparam>
/// <param name="plugins">The plugins; borrowed.</param>
internal sealed class PartSearch<T>(PluginHost plugins) : IDisposable
    where T : class
{
    private readonly List<PluginLease> _leases = [];
    private readonly List<string> _failures = [];

    /// <summary>One line for each plugin so far that did not load, or whose parts could not be made.</summary>
    public IReadOnlyList<string> Failures => _failures;

    /// <summary>
    /// The parts with the leases on their plugins. Plugins load one after the other as this is enumerated, so that who finds what he looks for loads no more of
    /// them. Those of a plugin are made together: where one cannot be made, the plugin gives none and <see cref="Failures"/> says why.
    /// </summary>
    public IEnumerable<(PluginLease Lease, T Part)> All()
    {
        foreach (PluginEntry entry in plugins.Catalog.Entries.Where(entry => entry.Enabled))
        {
            if (plugins.Load(entry.Id) is { } failure)
            {
                _failures.Add(failure.Message);
                continue;
            }

            PluginLease lease = plugins.Lease(entry.Id);
            _leases.Add(lease);
            foreach (T part in Make(lease))
            {
                yield return (lease, part);
            }
        }
    }

    /// <summary>Hands a lease over: the caller gives it back.</summary>
    /// <param name="lease">One of those that came with a part.</param>
    public PluginLease Take(PluginLease lease)
    {
        _leases.Remove(lease);
        return lease;
    }

    // A plugin's exception leaves as text, so that it does not keep the plugin.
    private T[] Make(PluginLease lease)
    {
        try
        {
            return [.. lease.Services.GetKeyedServices<T>(KeyedService.AnyKey)];
        }
        catch (Exception error)
        {
            string message = $"{error.GetType().Name}: {error.Message.ReplaceLineEndings(" ").TrimEnd('.', ' ')}";
            _failures.Add($"Plugin '{lease.Entry.Id}': making what it registers as {typeof(T).Name} threw {message}; keep its constructors from throwing.");
            return [];
        }
    }

    /// <summary>Gives the other leases back.</summary>
    public void Dispose() => _leases.ForEach(lease => lease.Dispose());
}
