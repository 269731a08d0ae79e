using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Layers;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Model;

/// <summary>The generator's networks. Parameter names are the checkpoint's. Owns its tensors.</summary>
internal sealed class FaceModel : IDisposable
{
    private const string Filter = ".resample_filter";

    private readonly WeightLoader _loader;

    private FaceModel(WeightLoader loader, IWeightSource source, FaceConfig config, ScalarType type)
    {
        (_loader, Config) = (loader, config);
        Mapping = MakeMapping(loader, config);
        Face = new FaceField(loader, config);
        Background = config.BackgroundWidth > 0 ? new BackgroundField(loader, config) : null;
        Blocks = [.. Enumerable.Range(0, config.Resolutions.Count).Select(block => new UpsamplingBlock(loader, config, block))];
        Alpha = loader.Tensor("synthesis.alpha");
        Renderer = new VolumeRenderer(Face, Background, config.Settings);
        Upsampler = new Upsampler(Blocks, config, type);
        Unused = [.. source.Names.Where(name => !loader.Tensors.ContainsKey(name) && !name.EndsWith(Filter, StringComparison.Ordinal))];
    }

    /// <summary>Sizes.</summary>
    public FaceConfig Config { get; }

    /// <summary>From noise and text to styles.</summary>
    public MappingNetwork Mapping { get; }

    /// <summary>The face's field.</summary>
    public FaceField Face { get; }

    /// <summary>The field behind it; null for none.</summary>
    public BackgroundField? Background { get; }

    /// <summary>The blocks behind the rays.</summary>
    public IReadOnlyList<UpsamplingBlock> Blocks { get; }

    /// <summary>Gathers along rays.</summary>
    public VolumeRenderer Renderer { get; }

    /// <summary>Makes the picture of what rays show.</summary>
    public Upsampler Upsampler { get; }

    /// <summary>How far the generator has grown, a scalar; see <see cref="Synthesis.Growth"/>.</summary>
    public Tensor Alpha { get; }

    /// <summary>The same, taken apart.</summary>
    public Growth Growth => Growth.Of(Alpha.item<float>(), Config.Resolutions.Count);

    /// <summary>All tensors by published name. Borrowed.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _loader.Tensors;

    /// <summary>Names of the tensors that training follows but the optimizer does not change.</summary>
    public IEnumerable<string> Buffers => Tensors.Keys.Where(IsBuffer);

    /// <summary>Names in the checkpoint that the generator has no use for.</summary>
    public IReadOnlyList<string> Unused { get; }

    /// <summary>Where it runs.</summary>
    public Device Device => Alpha.device;

    /// <summary>Loads a generator.</summary>
    /// <param name="source">Its tensors; must outlive it.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="type">Element type of all blocks but the first; everything else is float32.</param>
    /// <param name="trainable">Whether tensors get memory of their own, so that they can be trained.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape, or the model's filter is another one.</exception>
    public static FaceModel Load(IWeightSource source, FaceConfig config, Device device, ScalarType type = ScalarType.Float32, bool trainable = false)
    {
        foreach (string name in source.Names.Where(name => name.EndsWith(Filter, StringComparison.Ordinal)))
        {
            CheckFilter(source, name);
        }

        WeightLoader loader = new(source, new WeightPolicy(device, ScalarType.Float32, ScalarType.Float32), trainable ? _ => true : null);
        try
        {
            return new FaceModel(loader, source, config, type);
        }
        catch
        {
            loader.Dispose();
            throw;
        }
    }

    /// <summary>Whether a tensor is followed rather than trained.</summary>
    public static bool IsBuffer(string name) => name.EndsWith("w_avg", StringComparison.Ordinal) || name.EndsWith("alpha", StringComparison.Ordinal);

    /// <summary>Prepares a sentence's tokens for all blocks.</summary>
    /// <param name="tokens"><c>[B, T, D]</c>; borrowed.</param>
    /// <param name="folded">See <see cref="StyleEnhancer.Prepare"/>.</param>
    /// <returns>The tables; the caller disposes them.</returns>
    public PromptTables Prepare(Tensor tokens, bool folded) => new([.. Blocks.Select(block => block.Enhancer!.Prepare(tokens, folded))]);

    /// <summary>Styles of faces, a copy for every layer.</summary>
    /// <param name="noise"><c>[B, Z]</c>; borrowed.</param>
    /// <param name="text"><c>[B, T]</c>; null without text. Borrowed.</param>
    /// <param name="truncation">How far from the mean a style may lie.</param>
    /// <param name="cutoff">How many copies that holds; null for all.</param>
    /// <returns><c>[B, copies, D]</c>; the caller disposes it.</returns>
    public Tensor Styles(Tensor noise, Tensor? text, double truncation = 1, int? cutoff = null)
    {
        using Tensor style = Mapping.Run(noise, text);
        return Mapping.Copies(style, Config.Styles, truncation, cutoff);
    }

    /// <summary>What a face's styles make of its field: the same for every view. The caller disposes it.</summary>
    /// <param name="styles"><c>[B, copies, D]</c>; borrowed.</param>
    public FieldKernels Modulate(Tensor styles)
    {
        using Tensor own = styles.narrow(1, 0, Config.FaceStyles);
        return Face.Modulate(own);
    }

    /// <summary>The part of the styles that blocks take; a view that the caller disposes.</summary>
    public Tensor BlockStyles(Tensor styles) => styles.narrow(1, Config.FaceStyles, Config.Styles - Config.FaceStyles);

    /// <summary>Disposes the tensors.</summary>
    public void Dispose() => _loader.Dispose();

    internal static MappingNetwork MakeMapping(WeightLoader loader, FaceConfig config)
    {
        EqualLinear Layer(string name, int outputs, int inputs, double rate, bool activated)
            => new(loader.Tensor(name + ".weight", outputs, inputs), loader.Tensor(name + ".bias", outputs), rate, activated);
        return new MappingNetwork(
            config.Text > 0 ? Layer("mapping.embed", config.Noise, config.Text, 1, activated: false) : null,
            [
                .. Enumerable.Range(0, config.MappingLayers).Select(layer => Layer(
                    $"mapping.fc{layer}", config.Style, layer == 0 ? config.Noise : config.Style, config.Settings.MappingRate, activated: true)),
            ],
            loader.Tensor("mapping.w_avg", config.Style),
            config.Settings.StyleDecay);
    }

    private static void CheckFilter(IWeightSource source, string name)
    {
        using Tensor stored = source.Load(name), expected = Fir.Square(1, 3, 3, 1);
        using Tensor wide = stored.to(ScalarType.Float32);
        if (!wide.shape.AsSpan().SequenceEqual(expected.shape) || !allclose(wide, expected, rtol: 1e-4, atol: 1e-6))
        {
            throw new ApertureException($"{name} is another filter than 1, 3, 3, 1; the checkpoint is of an architecture that is not read.");
        }
    }
}
