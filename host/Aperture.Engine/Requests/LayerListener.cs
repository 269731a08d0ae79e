using System.IO.Enumeration;
using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>Copies the named values of layers that have one number for each place of a picture, row by row.</summary>
/// <param name="pattern">Their names; <c>*</c> stands for any characters.</param>
/// <param name="places">Places of the picture, of one in tiles those of the first.</param>
/// <param name="all">Places of all its tiles.</param>
internal sealed class LayerListener(string pattern, int places, int all) : IDecoderTrace
{
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);
    private readonly List<(string Name, float[] Values)> _values = [];

    /// <summary>All names that were offered.</summary>
    public IReadOnlyCollection<string> Names => _names;

    /// <summary>What was copied, in the order it came: of <c>[…, rows, all]</c> each row's first tile.</summary>
    public IReadOnlyList<(string Name, float[] Values)> Values => _values;

    /// <inheritdoc />
    public bool WantsCache(int layer) => false;

    /// <inheritdoc />
    public void Value(ILayerContext context, int sample, string name, Tensor value)
    {
        _names.Add(name);
        if (!FileSystemName.MatchesSimpleExpression(pattern, name) || value.dim() == 0 || value.size(-1) != all)
        {
            return;
        }

        using Tensor wide = value.to(ScalarType.Float32, CPU);
        using Tensor packed = wide.contiguous();
        float[][] rows = [.. packed.data<float>().ToArray().Chunk(all).Select(row => row[..places])];
        _values.AddRange(rows.Select((row, i) => (rows.Length == 1 ? name : $"{name} {i}", row)));
    }
}
