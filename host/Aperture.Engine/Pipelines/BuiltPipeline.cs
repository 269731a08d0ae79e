using System.Runtime.CompilerServices;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Requests;
using Aperture.Scheduling;

namespace Aperture.Pipelines;

/// <summary>
/// What a pipeline runs with: its methods and their compiled hooks, made once and never changed. Every request takes a lease; the methods are disposed, and
/// their plugins given back, when it has been released and the last lease is back.
/// </summary>
internal sealed class BuiltPipeline
{
    private readonly PipelineMethods _methods;
    private readonly LeaseCount _leases;
    private readonly ConditionalWeakTable<IDisposable, object> _users = [];

    /// <param name="methods">The methods; owned.</param>
    /// <param name="table">Their hooks; null for none.</param>
    /// <param name="model">The model that they act in; borrowed.</param>
    public BuiltPipeline(PipelineMethods methods, HookTable? table, Model model)
    {
        _methods = methods;
        Table = table;
        Model = model;
        _leases = new LeaseCount(Free);
    }

    /// <summary>The compiled hooks; null where no method acts.</summary>
    public HookTable? Table { get; private set; }

    /// <summary>The model that the methods act in.</summary>
    public Model Model { get; }

    /// <summary>What questions left under its hooks goes with them; null where nothing is kept.</summary>
    public KeptPrefixes? Kept { get; init; }

    /// <summary>Disposes something with the methods, unless it is forgotten before: a conversation that holds their states between requests.</summary>
    public void Attach(IDisposable user) => _users.AddOrUpdate(user, user);

    /// <summary>Whether it holds methods of a plugin.</summary>
    public bool Uses(string plugin) => _methods.AreOf(plugin);

    /// <summary>Takes a lease, unless it has been released.</summary>
    public bool TryLease() => _leases.TryTake();

    /// <summary>Gives a lease back.</summary>
    public void Return() => _leases.Return();

    /// <summary>Gives no more leases and lets the methods go when none is out.</summary>
    public void Release() => _leases.Release();

    private void Free()
    {
        foreach ((IDisposable user, _) in _users)
        {
            user.Dispose();
        }

        _users.Clear();
        if (Table is not null)
        {
            Kept?.Forget(Table);
        }

        Table = null; // The pipeline may keep this object; what it was made of must not stay in memory with it.
        _methods.Dispose();
    }
}
