using Aperture.Decoding;
using Aperture.Plugins;

namespace Aperture.Pipelines;

/// <summary>
/// The methods of a pipeline: those that plugins made for it, which it owns, and those it was given. A pipeline that was dropped without being disposed (a
/// variable of a session that was assigned anew) gives its methods and their plugins back when the garbage is collected.
/// </summary>
internal sealed class PipelineMethods : IDisposable
{
    private readonly List<LeasedMethod> _leased = [];
    private readonly List<IDecoderMethod> _all = [];

    ~PipelineMethods() => Release();

    /// <summary>The methods, in the order they were added.</summary>
    public IReadOnlyList<IDecoderMethod> All => [.. _all];

    /// <summary>Adds a method of a plugin; owned from here on.</summary>
    public void Add(LeasedMethod method)
    {
        _leased.Add(method);
        _all.Add(method.Method);
    }

    /// <summary>Adds a method that somebody else disposes.</summary>
    public void Add(IDecoderMethod method) => _all.Add(method);

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
        _all.Clear();
    }
}
