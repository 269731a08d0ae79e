using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>Keeps every named value of a call.</summary>
internal sealed class EditTrace : ITaskTrace, IDisposable
{
    private readonly Dictionary<string, Tensor> _values = [];

    public Tensor this[string name] => _values[name];

    public bool Wants(string name) => true;

    public void Value(string name, Tensor value) => _values.Add(name, value.clone().DetachFromDisposeScope());

    public void Dispose()
    {
        foreach (Tensor value in _values.Values)
        {
            value.Dispose();
        }
    }
}
