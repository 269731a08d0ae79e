using System.IO.Enumeration;
using Aperture.Decoding;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>Copies the named values of pictures that are asked for.</summary>
/// <param name="pattern">Their names; <c>*</c> stands for any characters.</param>
internal sealed class PictureListener(string pattern) : IDecoderTrace
{
    private readonly List<string> _names = [];
    private readonly List<(PictureTile Picture, string Name, float[] Values)> _values = [];

    /// <summary>All names that were offered.</summary>
    public IReadOnlyList<string> Names => _names;

    /// <summary>What was copied, in the order it came.</summary>
    public IReadOnlyList<(PictureTile Picture, string Name, float[] Values)> Values => _values;

    /// <inheritdoc />
    public bool WantsCache(int layer) => false;

    /// <inheritdoc />
    public bool WantsPictureValue(string name)
    {
        _names.Add(name);
        return FileSystemName.MatchesSimpleExpression(pattern, name);
    }

    /// <inheritdoc />
    public void PictureValue(PictureTile picture, string name, Tensor value)
    {
        using Tensor wide = value.to(ScalarType.Float32, CPU);
        using Tensor packed = wide.contiguous();
        _values.Add((picture, name, packed.data<float>().ToArray()));
    }
}
