using Aperture.Decoding;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>Loads the layers of a UNet or an autoencoder by published name, and owns their tensors and operations.</summary>
/// <param name="source">The checkpoint; borrowed.</param>
/// <param name="policy">Where and in which type.</param>
/// <param name="own">Names whose tensors get memory of their own, so that they can be trained; null for none.</param>
/// <param name="fresh">Makes tensors instead of loading them; null to load.</param>
internal sealed class DiffusionLoader(
    IWeightSource source, WeightPolicy policy, Func<string, bool>? own = null, Func<string, long[], Tensor>? fresh = null) : IDisposable
{
    private readonly WeightLoader _tensors = new(source, policy, own, fresh);
    private readonly List<Tensor> _views = [];
    private readonly Ops? _own = policy.Ops is null ? new Ops(policy.Device, policy.Compute) : null;

    /// <summary>The operations of attention.</summary>
    public Ops Ops => policy.Ops ?? _own!;

    /// <summary>What was loaded, by published name.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _tensors.Tensors;

    /// <inheritdoc cref="WeightLoader.Count"/>
    public long Count => _tensors.Count;

    public Convolution Convolution(string name, int outputs, int inputs, int kernel = 3, int stride = 1, int? padding = null)
        => new(
            _tensors.Tensor(name + ".weight", outputs, inputs, kernel, kernel), _tensors.Tensor(name + ".bias", outputs), stride, padding ?? kernel / 2);

    public GroupNorm GroupNorm(string name, int channels, int groups, double epsilon)
        => new(_tensors.Tensor(name + ".weight", channels), _tensors.Tensor(name + ".bias", channels), groups, epsilon);

    public LayerNormWeights LayerNorm(string name, int width) => _tensors.Norm(name, width);

    /// <summary>A linear layer, which the checkpoint may hold as a convolution of one pixel: <c>[out, in]</c> or <c>[out, in, 1, 1]</c>.</summary>
    /// <param name="name">Published name without <c>.weight</c>.</param>
    /// <param name="outputs">Output width.</param>
    /// <param name="inputs">Input width.</param>
    /// <param name="bias">Whether there is a bias.</param>
    /// <param name="ofTime">Whether it maps the time: one row, on which every place depends, so that few bits would cost much and give nothing.</param>
    public Matrix Linear(string name, int outputs, int inputs, bool bias = true, bool ofTime = false)
    {
        string weight = name + ".weight";
        if (!ofTime && _tensors.Quantized(name, outputs, inputs, bias ? name + ".bias" : null) is { } quantized)
        {
            return quantized;
        }

        bool pixel = source.Contains(weight) && source.Describe(weight).Shape.Length == 4;
        Tensor stored = pixel ? _tensors.Tensor(weight, outputs, inputs, 1, 1) : _tensors.Tensor(weight, outputs, inputs);
        return new DenseMatrix(pixel ? View(stored.view(outputs, inputs)) : stored, bias ? _tensors.Tensor(name + ".bias", outputs) : null);
    }

    public void Dispose()
    {
        _views.ForEach(view => view.Dispose());
        _tensors.Dispose();
        _own?.Dispose();
    }

    private Tensor View(Tensor view)
    {
        _views.Add(view.DetachFromDisposeScope());
        return view;
    }
}
