using Aperture.Decoding;
using Aperture.Plugins.Hosting;

namespace Aperture.Engine;

/// <summary>
/// The methods that a pipeline has made. A pipeline that was dropped without being disposed (a variable of a session that was assigned anew) gives its methods and their
/// plugins back when the garbage is collected.
/// </summary>
internal sealed class PipelineMethods : IDisposable
{
    private readonly List<LeasedMethod> _leased = [];

    ~PipelineMethods() => Release();

    public IReadOnlyList<IDecoderMethod> All => [.. _leased.Select(l => l.Method)];

    public void Add(LeasedMethod method) => _leased.Add(method);

    public bool AreOf(string plugin) => _leased.Any(l => string.Equals(l.Plugin, plugin, StringComparison.OrdinalIgnoreCase));

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        _leased.ForEach(method => method.Dispose());
        _leased.Clear();
    }
}
