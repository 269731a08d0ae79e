using System.Globalization;
using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Layers;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>What a discriminator says of pictures. Owns its tensors.</summary>
/// <param name="Real">How real each looks, <c>[B, 1]</c>.</param>
/// <param name="Match">How well each fits its text, <c>[B, 1]</c>.</param>
internal sealed record Judgement(Tensor Real, Tensor Match);

/// <summary>The discriminator, which training alone needs. Parameter names are the checkpoint's. Owns its tensors.</summary>
internal sealed class FaceDiscriminator : IDisposable
{
    private const double MappingRate = 0.01;

    private readonly WeightLoader _loader;
    private readonly List<DiscriminatorBlock> _blocks = [];
    private readonly DiscriminatorEnd _real, _match;
    private readonly MappingNetwork _mapping;
    private readonly int _side, _volume;

    private FaceDiscriminator(WeightLoader loader, IWeightSource source, int volume, double clamp)
    {
        (_loader, _volume) = (loader, volume);
        long[] Shape(string name) => source.Describe(name).Shape;
        int[] sides = [.. Sides(source)];
        foreach (int side in sides)
        {
            long[] second = Shape($"b{side}.conv1.weight");
            _blocks.Add(new DiscriminatorBlock(loader, side, (int)second[1], (int)second[0], clamp));
        }

        _side = sides[0];
        int channels = (int)Shape("b4.out.weight")[1], text = (int)Shape("b4_text.out.weight")[0];
        _real = new DiscriminatorEnd(loader, "b4", channels, 1, clamp);
        _match = new DiscriminatorEnd(loader, "b4_text", channels, text, clamp);
        EqualLinear Layer(string name, double rate, bool activated)
            => new(loader.Tensor(name + ".weight", Shape(name + ".weight")), loader.Tensor(name + ".bias", Shape(name + ".weight")[0]), rate, activated);
        List<EqualLinear> layers = [];
        while (source.Contains($"mapping.fc{layers.Count}.weight"))
        {
            layers.Add(Layer($"mapping.fc{layers.Count}", MappingRate, activated: true));
        }

        _mapping = new MappingNetwork(Layer("mapping.embed", 1, activated: false), layers, mean: null, decay: 0);
        Alpha = loader.Tensor("alpha");
    }

    /// <summary>How far the generator has grown, a scalar.</summary>
    public Tensor Alpha { get; }

    /// <summary>All tensors by published name. Borrowed.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _loader.Tensors;

    /// <summary>Loads a discriminator.</summary>
    /// <param name="source">Its tensors; must outlive it.</param>
    /// <param name="volume">Side of the generator's map of rays.</param>
    /// <param name="clamp">Largest absolute value behind a convolution.</param>
    /// <param name="device">Where it runs.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static FaceDiscriminator Load(IWeightSource source, int volume, double clamp, Device device)
    {
        WeightLoader loader = new(source, new WeightPolicy(device, ScalarType.Float32, ScalarType.Float32), _ => true);
        try
        {
            return new FaceDiscriminator(loader, source, volume, clamp);
        }
        catch
        {
            loader.Dispose();
            throw;
        }
    }

    /// <summary>Judges pictures.</summary>
    /// <param name="pictures"><c>[B, 3, H, W]</c>, not smaller than the blocks in use take; borrowed.</param>
    /// <param name="text">Their texts' pooled rows, <c>[B, T]</c>; borrowed. No gradient goes back to them.</param>
    /// <returns>The judgement; the caller disposes its tensors.</returns>
    public Judgement Run(Tensor pictures, Tensor text)
    {
        using DisposeScope scope = NewDisposeScope();
        int levels = (int)Math.Log2((double)_side / _volume);
        float alpha = Alpha.item<float>();
        Growth growth = Growth.Of(alpha, levels);
        int largest = _volume << growth.Blocks;
        bool blends = alpha is > 0 and < 1 && growth.Blend > 0;
        int before = growth.Blocks <= 1 ? _volume : largest / 2;
        Tensor picture = Smaller(pictures, largest);
        Tensor? half = blends ? Smaller(picture, (int)picture.size(-1) / 2) : null;
        Tensor? x = largest == _side ? null : _blocks.Single(block => block.Side == largest).Colours(picture);
        foreach (DiscriminatorBlock block in _blocks.Where(block => block.Side <= largest))
        {
            if (blends && block.Side == before)
            {
                picture = picture.mul(growth.Blend).add(half!.mul(1 - growth.Blend));
                x = x!.mul(growth.Blend).add(block.Colours(half).mul(1 - growth.Blend));
            }

            (x, picture) = block.Run(x, picture);
        }

        return new Judgement(
            _real.Run(x!, picture, null).MoveToOuterDisposeScope(), _match.Run(x!, picture, Mapped(text)).MoveToOuterDisposeScope());
    }

    /// <summary>Texts' rows as pictures are held against them, <c>[B, T] -> [B, C]</c>; the caller disposes it.</summary>
    public Tensor Mapped(Tensor text)
    {
        using Tensor detached = text.detach();
        return _mapping.Run(null, detached);
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose() => _loader.Dispose();

    private static IEnumerable<int> Sides(IWeightSource source)
        => from name in source.Names
           where name.StartsWith('b') && name.EndsWith(".conv1.weight", StringComparison.Ordinal)
           let side = int.Parse(name[1..^".conv1.weight".Length], CultureInfo.InvariantCulture)
           orderby side descending
           select side;

    private static Tensor Smaller(Tensor picture, int side)
        => picture.size(-1) / side <= 1 ? picture : F.interpolate(picture, [side, side], mode: InterpolationMode.Bilinear, align_corners: false);
}
