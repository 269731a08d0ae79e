using Aperture.Decoding;

namespace Aperture.Plugins;

/// <summary>A configured method together with the lease on its plugin. Disposing it disposes the method and gives the lease back.</summary>
public sealed class LeasedMethod : IDisposable
{
    private readonly PluginLease _lease;
    private IDecoderMethod? _method;

    internal LeasedMethod(IDecoderMethod method, PluginLease lease)
    {
        _method = method;
        _lease = lease;
        Plugin = lease.Entry.Id;
    }

    /// <summary>The plugin's id.</summary>
    public string Plugin { get; }

    /// <summary>
    /// The method: an <see cref="ITokenReducer"/> or an <see cref="ILayerRouter"/>. Do not dispose it apart, and do not keep it longer than this object.
    /// </summary>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public IDecoderMethod Method => _method ?? throw new ObjectDisposedException(nameof(LeasedMethod));

    /// <inheritdoc/>
    public void Dispose()
    {
        IDecoderMethod? method = Interlocked.Exchange(ref _method, null);
        try
        {
            method?.Dispose();
        }
        finally
        {
            _lease.Dispose();
        }
    }
}
