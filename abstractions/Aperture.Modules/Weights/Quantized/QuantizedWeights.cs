using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// A quantised checkpoint as one of plain numbers: every weight that is stored as codes is turned into float32 when it is loaded; what belongs to the codes
/// has no name of its own any more. Borrows its source.
/// </summary>
internal sealed class QuantizedWeights : IMappedWeights
{
    private readonly IWeightSource _source;
    private readonly Dictionary<string, QuantizedTensor> _quantized;
    private readonly HashSet<string> _plain;

    private QuantizedWeights(IWeightSource source, QuantizedNames names)
    {
        _source = source;
        _quantized = names.Tensors;
        _plain = [.. source.Names.Where(name => !names.Hidden.Contains(name))];
        Names = [.. _plain, .. _quantized.Keys];
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names { get; }

    /// <summary>A checkpoint's weights as numbers; the checkpoint itself where nothing of it is quantised.</summary>
    /// <param name="source">The checkpoint; borrowed.</param>
    /// <param name="settings">What its configuration says; null where it says nothing.</param>
    /// <param name="where">Its folder, for messages.</param>
    /// <param name="tell">Told what of the quantisation is not acted on.</param>
    /// <exception cref="ApertureException">It is quantised in a way that is not supported.</exception>
    public static IWeightSource Over(IWeightSource source, QuantizationSettings? settings, string where, Action<string> tell)
    {
        QuantizedNames names = QuantizedNames.Find(source, settings, where);
        if (names.Tensors.Count == 0)
        {
            if (settings is not null)
            {
                tell($"{settings.Where}: quant_method '{settings.Method}' is named, but the weights are not quantised; they are used as they are.");
            }

            return source;
        }

        if (names.Activations is { } activation)
        {
            tell(
                $"'{where}' was made to compute with quantised activations ({activation} and its like); here they stay whole, so that numbers differ "
                + "in the last digits.");
        }

        return new QuantizedWeights(source, names);
    }

    /// <inheritdoc/>
    public bool Contains(string name) => _quantized.ContainsKey(name) || _plain.Contains(name);

    /// <inheritdoc/>
    public WeightInfo Describe(string name)
        => _quantized.TryGetValue(name, out QuantizedTensor? quantized) ? new WeightInfo("F32", ScalarType.Float32, [.. quantized.Shape])
            : _source.Describe(Plain(name));

    /// <inheritdoc/>
    public Tensor Load(string name)
        => _quantized.TryGetValue(name, out QuantizedTensor? quantized) ? quantized.Load(_source) : _source.Load(Plain(name));

    /// <summary>As <see cref="QuantizedTensor.EightBits"/>; null also for a weight that is not quantised.</summary>
    /// <param name="name">Its name.</param>
    public Int8Codes? EightBits(string name) => _quantized.GetValueOrDefault(name)?.EightBits(_source);

    /// <summary>As <see cref="QuantizedTensor.FourBits"/>; null also for a weight that is not quantised.</summary>
    /// <param name="name">Its name.</param>
    public Int4Codes? FourBits(string name) => _quantized.GetValueOrDefault(name)?.FourBits(_source);

    /// <inheritdoc/>
    public void ReleasePages(string name)
    {
        foreach (string part in _quantized.TryGetValue(name, out QuantizedTensor? quantized) ? quantized.Parts : [Plain(name)])
        {
            _source.ReleasePages(part);
        }
    }

    /// <inheritdoc/>
    public void ReleasePages() => _source.ReleasePages();

    /// <summary>Nothing to dispose: the source is the caller's.</summary>
    public void Dispose()
    {
    }

    private string Plain(string name) => _plain.Contains(name) ? name : throw MissingWeight.In("The checkpoint", name, Names);
}
