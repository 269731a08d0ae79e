using System.Globalization;
using System.Text.RegularExpressions;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Plugins.Eas.Lavin;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas;

/// <summary>
/// The adapters of all decoder layers: before a kept attention the ordinary one (<c>layers.i.adapter_attn</c>), in place of a skipped one PIA
/// (<c>layers.i.replaced_adapter</c>). A layer may have one, both (a search) or none. Owns its tensors.
/// </summary>
internal sealed partial class EasAdapters : IDisposable
{
    /// <summary>What stands before the layer's number in files that this plugin writes: LLaVA-EAS's names.</summary>
    public const string Prefix = "model.layers.";

    private const string OrdinaryName = "adapter_attn", PropagationName = "replaced_adapter";

    private EasAdapters(RepAdapter?[] ordinary, PropagationAdapter?[] propagation, string origin)
    {
        Ordinary = ordinary;
        Propagation = propagation;
        Origin = origin;
    }

    /// <summary>Per layer the adapter before attention; null where there is none.</summary>
    public IReadOnlyList<RepAdapter?> Ordinary { get; }

    /// <summary>Per layer the adapter in place of attention; null where there is none.</summary>
    public IReadOnlyList<PropagationAdapter?> Propagation { get; }

    /// <summary>LaVIN's adapters in the vision tower; null for a base without any.</summary>
    public VisionAdapters? Vision { get; private set; }

    /// <summary>What routers read at the prefill of the base they were trained in.</summary>
    public TokenQuery Query { get; set; } = TokenQuery.MeanAll;

    /// <summary>Where they come from, for messages.</summary>
    public string Origin { get; }

    /// <summary>Whether a checkpoint holds adapters of a decoder.</summary>
    public static bool In(IWeightSource source) => source.Names.Any(name => Key().IsMatch(name));

    /// <summary>Whether a name is that of an adapter in a decoder layer.</summary>
    public static bool IsAdapter(string name) => Key().IsMatch(name);

    /// <summary>Loads all adapters that a checkpoint holds, whatever stands before <c>layers</c> in its names.</summary>
    /// <param name="source">The checkpoint; borrowed.</param>
    /// <param name="decoder">The decoder they must fit.</param>
    /// <param name="shape">Scale, temperature, groups.</param>
    /// <param name="origin">What to call the checkpoint in messages.</param>
    /// <exception cref="ApertureException">There are none, they are of another decoder, or a tensor is missing.</exception>
    public static EasAdapters Load(IWeightSource source, DecoderInfo decoder, AdapterShape shape, string origin)
    {
        Match[] keys = [.. source.Names.Select(name => Key().Match(name)).Where(match => match.Success)];
        string[] prefixes = [.. keys.Select(match => match.Groups[1].Value).Distinct()];
        if (prefixes.Length != 1)
        {
            throw Error(prefixes.Length == 0
                ? $"{origin} holds no adapters (layers.0.{OrdinaryName}.conv_A.weight and the like); name a file that does"
                : $"{origin} holds adapters of several decoders ({string.Join(", ", prefixes.Select(p => $"'{p}'"))}); give a file with one");
        }

        ILookup<string, int> layers = keys.Where(match => match.Groups[4].Value == "conv_A.weight")
            .ToLookup(match => match.Groups[3].Value, match => int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture));
        foreach (int layer in layers.SelectMany(group => group).Where(layer => layer >= decoder.Layers))
        {
            throw Error(
                $"{origin} has an adapter for layer {layer}, but {decoder.Model} has layers 0 to {decoder.Layers - 1}; name the file that was trained for it");
        }

        LavinCheckpoint? lavin = LavinCheckpoint.Of(source);
        EasAdapters loaded = new(new RepAdapter?[decoder.Layers], new PropagationAdapter?[decoder.Layers], origin)
        {
            Query = lavin?.Query ?? TokenQuery.MeanAll,
        };
        try
        {
            loaded.Vision = lavin?.LoadVision(shape);
            foreach (int layer in layers[OrdinaryName])
            {
                ((RepAdapter?[])loaded.Ordinary)[layer] = RepAdapter.Load(
                    source, $"{prefixes[0]}layers.{layer}.{OrdinaryName}.", decoder.HiddenSize, shape.Scale, shape.Temperature, shape.Groups);
            }

            foreach (int layer in layers[PropagationName])
            {
                ((PropagationAdapter?[])loaded.Propagation)[layer] = PropagationAdapter.Load(
                    source, $"{prefixes[0]}layers.{layer}.{PropagationName}.", decoder.HiddenSize, shape.Scale, shape.Temperature, shape.Groups);
            }

            return loaded;
        }
        catch (ApertureException error)
        {
            loaded.Dispose();
            throw Error($"{origin} does not fit {decoder.Model}: {error.Message.TrimEnd('.')}");
        }
    }

    /// <summary>Untrained adapters as LLaVA-EAS begins: the ordinary ones are the identity, PIA's ways up are Xavier-uniform.</summary>
    /// <param name="decoder">The decoder.</param>
    /// <param name="shape">Widths, scale, temperature, groups.</param>
    /// <param name="skipped">Skipped layers; null gives every layer both adapters, for a search.</param>
    /// <param name="generator">Draws the weights; borrowed.</param>
    public static EasAdapters Fresh(DecoderInfo decoder, AdapterShape shape, IReadOnlySet<int>? skipped, Generator generator)
    {
        RepAdapter?[] ordinary = new RepAdapter?[decoder.Layers];
        PropagationAdapter?[] propagation = new PropagationAdapter?[decoder.Layers];
        for (int layer = 0; layer < decoder.Layers; layer++)
        {
            if (skipped?.Contains(layer) != true)
            {
                ordinary[layer] = RepAdapter.Fresh(
                    decoder.HiddenSize, shape.AdapterWidth, routerBias: false, generator, shape.Scale, shape.Temperature, shape.Groups);
            }

            if (skipped?.Contains(layer) != false)
            {
                propagation[layer] = PropagationAdapter.Fresh(
                    decoder.HiddenSize, shape.PropagationWidth, zero: false, generator, shape.Scale, shape.Temperature, shape.Groups);
            }
        }

        return new EasAdapters(ordinary, propagation, "the fresh adapters");
    }

    /// <summary>
    /// Leaves each layer the adapters that a training needs: the ordinary one where attention is kept, PIA where it is skipped. Those that are not there begin
    /// as LaVIN's do, as the identity, PIA four times as wide as the ordinary one.
    /// </summary>
    /// <param name="decoder">The decoder.</param>
    /// <param name="shape">Scale, temperature, groups.</param>
    /// <param name="skipped">Skipped layers; null leaves every layer both adapters, for a search.</param>
    /// <param name="generator">Draws the weights; borrowed.</param>
    public void Fit(DecoderInfo decoder, AdapterShape shape, IReadOnlySet<int>? skipped, Generator generator)
    {
        const int PropagationFactor = 4;
        int width = Ordinary.First(adapter => adapter is not null)!.Down.Outputs;
        RepAdapter?[] ordinary = (RepAdapter?[])Ordinary;
        PropagationAdapter?[] propagation = (PropagationAdapter?[])Propagation;
        for (int layer = 0; layer < decoder.Layers; layer++)
        {
            if (skipped?.Contains(layer) == true)
            {
                ordinary[layer]?.Dispose();
                ordinary[layer] = null;
            }
            else
            {
                ordinary[layer] ??= RepAdapter.Fresh(decoder.HiddenSize, width, routerBias: true, generator, shape.Scale, shape.Temperature, shape.Groups);
            }

            if (skipped?.Contains(layer) == false)
            {
                propagation[layer]?.Dispose();
                propagation[layer] = null;
            }
            else
            {
                propagation[layer] ??= PropagationAdapter.Fresh(
                    decoder.HiddenSize, PropagationFactor * width, zero: true, generator, shape.Scale, shape.Temperature, shape.Groups);
            }
        }
    }

    /// <summary>The tensors by published name.</summary>
    /// <param name="prefix">What stands before the layer's number.</param>
    public IEnumerable<(string Name, Tensor Tensor)> Named(string prefix = Prefix)
        => Enumerable.Range(0, Ordinary.Count).SelectMany(layer => (IEnumerable<(string, Tensor)>)
        [
            .. Ordinary[layer]?.Named($"{prefix}{layer}.{OrdinaryName}.") ?? [],
            .. Propagation[layer]?.Named($"{prefix}{layer}.{PropagationName}.") ?? [],
        ]);

    /// <summary>Moves all tensors to a device and element type.</summary>
    public void MoveTo(Device device, ScalarType type)
    {
        for (int layer = 0; layer < Ordinary.Count; layer++)
        {
            Ordinary[layer]?.MoveTo(device, type);
            Propagation[layer]?.MoveTo(device, type);
        }
    }

    public void Dispose()
    {
        for (int layer = 0; layer < Ordinary.Count; layer++)
        {
            Ordinary[layer]?.Dispose();
            Propagation[layer]?.Dispose();
        }

        Vision?.Dispose();
    }

    internal static ApertureException Error(string message) => new($"{EasFactory.MethodName}: {message}.");

    // What stands before "layers", the layer, the kind of adapter, the tensor.
    [GeneratedRegex(@"^((?:.*\.)?)layers\.(\d{1,4})\.(adapter_attn|replaced_adapter)\.(.+)$")]
    private static partial Regex Key();
}
