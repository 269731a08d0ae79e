using Aperture.Decoding;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.LlavaHr;

/// <summary>
/// A mixture-of-resolution adapter (LLaVA-HR, section 3.3): <c>F_l + f_l(F_l) + g f_h(F_h)</c> with a scalar gate g for each picture. Owns its weights.
/// </summary>
internal sealed class MrAdapter : IDisposable
{
    private const int Kernel = 7, Padding = 3;

    private readonly WeightLoader _loader;
    private readonly Matrix _slowConv, _slowProj, _fastProj, _gateIn, _gateOut;
    private readonly Tensor _fastConv, _fastConvBias;

    private MrAdapter(WeightLoader loader, string prefix, int slowWidth, int width)
    {
        _loader = loader;

        // All of them before the first view: a missing one leaves nothing behind.
        foreach ((string name, long[] shape) in Shapes(slowWidth, width))
        {
            loader.Tensor(prefix + name + ".weight", shape);
            loader.Tensor(prefix + name + ".bias", shape[0]);
        }

        _slowConv = Pointwise(prefix + "slow_conv");
        _slowProj = Pointwise(prefix + "slow_proj");
        (_fastConv, _fastConvBias) = (loader.Tensors[prefix + "fast_conv.weight"], loader.Tensors[prefix + "fast_conv.bias"]);
        _fastProj = Pointwise(prefix + "fast_proj");
        _gateIn = loader.Linear(prefix + "gate.0", width / 2, 2 * width);
        _gateOut = loader.Linear(prefix + "gate.2", 1, width / 2);
    }

    /// <summary>The tensors by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Named() => _loader.Tensors.Select(entry => (entry.Key, entry.Value));

    /// <summary>Loads an adapter.</summary>
    /// <param name="source">The checkpoint; must outlive the weights, whose memory it may be.</param>
    /// <param name="prefix">What stands before <c>slow_conv</c>.</param>
    /// <param name="slowWidth">Channels of the high-resolution map.</param>
    /// <param name="width">Channels of the transformer's rows.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static MrAdapter Load(IWeightSource source, string prefix, int slowWidth, int width, WeightPolicy policy)
    {
        WeightLoader loader = new(source, policy);
        try
        {
            return new MrAdapter(loader, prefix, slowWidth, width);
        }
        catch
        {
            loader.Dispose();
            throw;
        }
    }

    /// <summary>Multiply-accumulates of one picture; the gate's, of one row, are left out.</summary>
    /// <param name="size">The grids.</param>
    /// <param name="slowWidth">Channels of the high-resolution map.</param>
    /// <param name="width">Channels of the transformer's rows.</param>
    public static long Macs(HighResolution size, long slowWidth, long width)
        => ((long)size.SlowGrid * size.SlowGrid * ((slowWidth * slowWidth) + (width * slowWidth)))
            + (size.Tokens * ((Kernel * Kernel * width) + (width * width)));

    /// <summary>Runs the adapter.</summary>
    /// <param name="y">Rows between two blocks <c>[batch, n, C]</c>; borrowed.</param>
    /// <param name="slow">The high-resolution map's places row by row <c>[batch, h², Cs]</c>; borrowed.</param>
    /// <param name="slowGrid">h.</param>
    /// <param name="grid">Places along a side of the rows' grid, √n.</param>
    /// <param name="gate">What stands in for the gate; null for the gate itself.</param>
    /// <param name="values">Gets values between the steps; null for nobody.</param>
    /// <returns><c>[batch, n, C]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor y, Tensor slow, int slowGrid, int grid, double? gate, EncoderValues? values)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor projected = _slowProj.Apply(F.gelu(_slowConv.Apply(slow))); // [B, h², Cs] -> [B, h², C]
        Tensor s = MapAlignment.Fit(projected, slowGrid, grid); // -> [B, n, C]
        using Tensor map = MapAlignment.ToMap(y, grid); // [B, n, C] -> [B, C, g, g]
        Tensor mixed = F.conv2d(map, _fastConv, _fastConvBias, padding: [Padding, Padding], groups: y.size(2));
        Tensor added = _fastProj.Apply(F.gelu(FeatureMaps.ToRows(mixed))); // [B, C, g, g] -> [B, n, C]
        Tensor own = y.add(added);
        Tensor alpha = gate is { } given ? full_like(own.narrow(1, 0, 1).narrow(2, 0, 1), given) : Gate(own, s, values); // [B, 1, 1]
        Tensor output = own.add(s.mul(alpha));
        values?.Tell("slow", () => projected);
        values?.Tell("aligned", () => s);
        values?.Tell("fast", () => added);
        values?.Tell("alpha", () => alpha.flatten(1)); // [B, 1]
        values?.Tell("out", () => output);

        // How much of each place comes from the high resolution, |αs| against |y'|: [B, n].
        values?.Tell("share", () => Length(s).mul(alpha.flatten(1).abs()).div(Length(own).clamp_min(1e-12)));
        return output.MoveToOuterDisposeScope();
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose()
    {
        foreach (Matrix view in new[] { _slowConv, _slowProj, _fastProj })
        {
            view.Dispose();
        }

        _loader.Dispose();
    }

    private static Tensor Length(Tensor rows) => rows.square().sum(-1).sqrt(); // [B, n, C] -> [B, n]

    // tanh of a small network over the means of both: [B, n, C], [B, n, C] -> [B, 1, 1].
    private Tensor Gate(Tensor own, Tensor s, EncoderValues? values)
    {
        Tensor means = cat([own.mean([1]), s.mean([1])], -1); // -> [B, 2 C]
        Tensor raw = _gateOut.Apply(F.gelu(_gateIn.Apply(means))); // [B, 2 C] -> [B, 1]
        values?.Tell("gate", () => raw);
        return raw.tanh().unsqueeze(1);
    }

    /// <summary>Layers with the shapes of their weights; biases are as long as the first size.</summary>
    /// <param name="slowWidth">Channels of the high-resolution map.</param>
    /// <param name="width">Channels of the transformer's rows.</param>
    public static IEnumerable<(string Name, long[] Shape)> Shapes(int slowWidth, int width) =>
    [
        ("slow_conv", [slowWidth, slowWidth, 1, 1]), ("slow_proj", [width, slowWidth, 1, 1]), ("fast_conv", [width, 1, Kernel, Kernel]),
        ("fast_proj", [width, width, 1, 1]), ("gate.0", [width / 2, 2 * width]), ("gate.2", [1, width / 2]),
    ];

    // A convolution of one place is a product: [out, in, 1, 1] -> [out, in].
    private DenseMatrix Pointwise(string name)
        => new(_loader.Tensors[name + ".weight"].flatten(1).DetachFromDisposeScope(), _loader.Tensors[name + ".bias"]);
}
