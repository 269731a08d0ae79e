using Aperture.Decoding;
using Aperture.Weights;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Diffusion;

/// <summary>
/// A stage of a small autoencoder: a convolution, which where it has no bias changes the size of the map, or three of them beside a shortcut. Borrows its
/// tensors.
/// </summary>
internal sealed class TinyStage
{
    private const int PoolGroups = 4;
    private const double PoolEpsilon = 1e-5;

    private readonly Convolution[] _convolutions;
    private readonly (Convolution Wider, GroupNorm Norm, Convolution Back)? _pool;
    private readonly bool _isBlock, _enlarges, _rectified;

    private TinyStage(WeightLoader loader, IWeightSource source, string name, bool enlarges, bool rectified)
    {
        Convolution Read(string part, int stride = 1)
        {
            long[] shape = source.Describe(part + ".weight").Shape;
            string bias = part + ".bias";
            Tensor weight = loader.Tensor(part + ".weight", shape);
            return new Convolution(weight, source.Contains(bias) ? loader.Tensor(bias, shape[0]) : null, stride, (int)(shape[^1] / 2));
        }

        _isBlock = source.Contains(name + ".conv.0.weight");
        long[] first = source.Describe(_isBlock ? name + ".conv.0.weight" : name + ".weight").Shape;
        long[] last = source.Describe(_isBlock ? name + ".conv.4.weight" : name + ".weight").Shape;
        (Inputs, Outputs) = ((int)first[1], (int)last[0]);
        ChangesSize = !_isBlock && !source.Contains(name + ".bias");
        (_enlarges, _rectified) = (enlarges && ChangesSize, rectified);
        _convolutions = _isBlock
            ? [.. new[] { 0, 2, 4 }.Select(place => Read($"{name}.conv.{place}"))]
            : [Read(name, ChangesSize && !enlarges ? 2 : 1)];
        if (source.Contains(name + ".pool.0.weight"))
        {
            long width = source.Describe(name + ".pool.1.weight").Shape[0];
            GroupNorm norm = new(loader.Tensor(name + ".pool.1.weight", width), loader.Tensor(name + ".pool.1.bias", width), PoolGroups, PoolEpsilon);
            _pool = (Read(name + ".pool.0"), norm, Read(name + ".pool.3"));
        }
    }

    /// <summary>Channels in.</summary>
    public int Inputs { get; }

    /// <summary>Channels out.</summary>
    public int Outputs { get; }

    /// <summary>Whether the map's sides are halved or doubled.</summary>
    public bool ChangesSize { get; }

    /// <summary>The stages of a half, in their order; in the decoder the first convolution is rectified.</summary>
    /// <exception cref="ApertureException">The tensors are named otherwise, or a block's shortcut changes its width.</exception>
    public static IReadOnlyList<TinyStage> Read(WeightLoader loader, IWeightSource source, bool enlarges)
    {
        ApertureException Other(string name) => new(
            $"'{name}' is no tensor of a small autoencoder whose sides are halved by convolutions without bias (TAESD, TAESD3, TAEF1, TAEF2).");
        foreach (string name in source.Names.Where(name => !int.TryParse(name.Split('.')[0], out _) || name.Contains(".skip.", StringComparison.Ordinal)))
        {
            throw Other(name);
        }

        int[] places = [.. source.Names.Select(name => int.Parse(name.Split('.')[0], System.Globalization.CultureInfo.InvariantCulture)).Distinct().Order()];
        int missing = Array.FindIndex(places, place => !source.Contains($"{place}.weight") && !source.Contains($"{place}.conv.4.weight"));
        return places.Length == 0 || missing >= 0
            ? throw Other(source.Names.FirstOrDefault(name => name.StartsWith($"{places.ElementAtOrDefault(missing)}.", StringComparison.Ordinal)) ?? "")
            : [.. places.Select((place, number) => new TinyStage(loader, source, $"{place}", enlarges, rectified: enlarges && number == 0))];
    }

    /// <summary>Runs it: <c>[N, in, H, W] -> [N, out, H', W']</c>, borrowed; the caller disposes the result.</summary>
    public Tensor Run(Tensor x)
    {
        if (!_isBlock)
        {
            using Tensor? larger = _enlarges ? FeatureMap.Enlarged(x, 2 * x.size(2), 2 * x.size(3)) : null;
            Tensor mapped = _convolutions[0].Run(larger ?? x);
            return _rectified ? mapped.relu_() : mapped;
        }

        using Tensor? pooled = _pool is null ? null : Pool(x);
        Tensor input = pooled ?? x;
        using Tensor first = _convolutions[0].Run(input).relu_(), second = _convolutions[1].Run(first).relu_();
        return _convolutions[2].Run(second).add_(input).relu_();
    }

    // x + 1x1(relu(norm(1x1(x)))): what the whole map is like, through the norm.
    private Tensor Pool(Tensor x)
    {
        (Convolution wider, GroupNorm norm, Convolution back) = _pool!.Value;
        using Tensor wide = wider.Run(x), normed = norm.Run(wide), rectified = F.relu(normed);
        return back.Run(rectified).add_(x);
    }
}
