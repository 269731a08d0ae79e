using Aperture.Decoding;
using Aperture.Plugins.LlavaHr;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>Keeps copies of every value that an encoder names. Owns them.</summary>
internal sealed class VisionValues : IDecoderTrace, IDisposable
{
    private readonly Dictionary<string, List<Tensor>> _values = [];

    public bool WantsPictureValue(string name) => true;

    public void PictureValue(PictureTile picture, string name, Tensor value)
    {
        if (!_values.TryGetValue(name, out List<Tensor>? own))
        {
            own = [];
            _values.Add(name, own);
        }

        own.Add(value.clone().DetachFromDisposeScope());
    }

    /// <summary>The values of all pictures, <c>[pictures, …]</c>; the caller disposes them.</summary>
    public Tensor this[string name]
        => _values.TryGetValue(EncoderValues.Root + name, out List<Tensor>? own)
            ? stack(own, 0)
            : throw new KeyNotFoundException($"The encoder told no '{name}', but {string.Join(", ", _values.Keys)}.");

    public void Dispose()
    {
        foreach (Tensor value in _values.Values.SelectMany(own => own))
        {
            value.Dispose();
        }
    }
}
