using System.Globalization;
using System.Text.RegularExpressions;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.GammaMod;

/// <summary>
/// The routers of the MoD layers: <c>Linear(d, 2)</c> without bias over the normalised rows. One matrix serves all layers; published files hold a copy for
/// each. Safe for several threads. Owns its tensors unless they are a training's.
/// </summary>
internal sealed partial class RouterWeights : IDisposable
{
    /// <summary>The keys that the method claims in a checkpoint.</summary>
    public const string KeyPattern = "*layers.*.router.weight";

    private readonly Dictionary<int, Tensor> _ofLayer; // float32 [2, d]
    private readonly TensorCache<(int Layer, ScalarType Type, DeviceType Device, int Index)> _cast = new();
    private readonly bool _owned;

    private RouterWeights(Dictionary<int, Tensor> ofLayer, bool shared, bool owned)
    {
        _ofLayer = ofLayer;
        AreShared = shared;
        _owned = owned;
        Layers = [.. ofLayer.Keys.Order()];
    }

    /// <summary>The MoD layers, ascending.</summary>
    public IReadOnlyList<int> Layers { get; }

    /// <summary>Whether one matrix serves all layers.</summary>
    public bool AreShared { get; }

    /// <summary>The published name of a layer's router.</summary>
    public static string KeyOf(int layer) => $"model.layers.{layer}.router.weight";

    /// <summary>One matrix, a parameter of a training, for all layers.</summary>
    /// <param name="layers">The MoD layers.</param>
    /// <param name="weight">float32 <c>[2, d]</c>; borrowed.</param>
    public static RouterWeights Trained(IEnumerable<int> layers, Tensor weight)
        => new(layers.ToDictionary(layer => layer, _ => weight), shared: true, owned: false);

    /// <summary>The layers that a checkpoint has routers for, with the routers' names.</summary>
    public static SortedDictionary<int, string> Find(IWeightSource source)
    {
        SortedDictionary<int, string> found = [];
        foreach (string name in source.Names)
        {
            if (RouterKey().Match(name) is { Success: true } match)
            {
                found[int.Parse(match.Groups["layer"].ValueSpan, CultureInfo.InvariantCulture)] = name;
            }
        }

        return found;
    }

    /// <summary>Loads routers.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="names">Its routers by layer.</param>
    /// <param name="layers">The MoD layers; null for those that have routers.</param>
    /// <param name="decoder">Sizes of the model.</param>
    /// <exception cref="ApertureException">Routers are for another width, or differ and leave out a layer.</exception>
    public static RouterWeights Load(IWeightSource source, SortedDictionary<int, string> names, int[]? layers, DecoderInfo decoder)
    {
        LayerModes.Checked([.. names.Keys], "the checkpoint's routers", decoder.Model, decoder.Layers);
        Dictionary<int, Tensor> stored = [];
        Dictionary<int, Tensor> chosen = [];
        try
        {
            foreach ((int layer, string name) in names)
            {
                long[] shape = source.Describe(name).Shape;
                if (!shape.AsSpan().SequenceEqual([2, decoder.HiddenSize]))
                {
                    throw GammaModFactory.Error(
                        $"{name} has shape [{string.Join(", ", shape)}], but {decoder.Model} needs [2, {decoder.HiddenSize}]: these routers are for another "
                        + "model");
                }

                stored[layer] = source.LoadCopy(name, ScalarType.Float32).DetachFromDisposeScope();
            }

            Tensor first = stored.Values.First();
            bool shared = stored.Values.All(other => IsSame(other, first));
            foreach (int layer in layers ?? [.. names.Keys])
            {
                Tensor? own = shared ? first : stored.GetValueOrDefault(layer);
                chosen[layer] = own?.alias().DetachFromDisposeScope() ?? throw GammaModFactory.Error(
                    $"layer {layer} has no router; routers differ from layer to layer here and there are some for {string.Join(", ", names.Keys)}: give "
                    + "Layers among these");
            }

            return new RouterWeights(chosen, shared, owned: true);
        }
        catch
        {
            Dispose(chosen);
            throw;
        }
        finally
        {
            Dispose(stored);
        }
    }

    /// <summary>Router logits of packed rows.</summary>
    /// <param name="layer">The MoD layer.</param>
    /// <param name="normed">Normalised layer input <c>[rows, d]</c>; borrowed.</param>
    /// <returns><c>[rows, 2]</c> in the rows' element type; class 1 is "run the layer". The caller disposes it.</returns>
    public Tensor Logits(int layer, Tensor normed) => F.linear(normed, For(layer, normed));

    /// <summary>A copy of a layer's router, float32 <c>[2, d]</c>; the caller disposes it.</summary>
    public Tensor CopyOf(int layer) => _ofLayer[layer].clone();

    public void Dispose()
    {
        _cast.Dispose();
        if (_owned)
        {
            Dispose(_ofLayer);
        }
    }

    // A trained matrix is cast anew each time, because gradients flow through the cast.
    private Tensor For(int layer, Tensor like)
    {
        Tensor weight = _ofLayer[layer];
        if (weight.dtype == like.dtype && weight.device_type == like.device_type)
        {
            return weight;
        }

        if (weight.requires_grad)
        {
            return weight.to(like.dtype, like.device);
        }

        return _cast.Get((layer, like.dtype, like.device_type, like.device_index), _ => weight.to(like.dtype, like.device));
    }

    private static bool IsSame(Tensor a, Tensor b)
    {
        using Tensor same = a.eq(b), all = same.all();
        return all.item<bool>();
    }

    private static void Dispose(Dictionary<int, Tensor> tensors)
    {
        foreach (Tensor tensor in tensors.Values)
        {
            tensor.Dispose();
        }

        tensors.Clear();
    }

    [GeneratedRegex(@"(^|\.)layers\.(?<layer>[0-9]{1,5})\.router\.weight$", RegexOptions.CultureInvariant)]
    private static partial Regex RouterKey();
}
