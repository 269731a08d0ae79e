using Aperture.Decoding;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>A DTNet: a routed encoder over grid vectors and a decoder of words. Owns its weights.</summary>
internal sealed class CaptionModel : IDisposable
{
    private readonly WeightLoader _loader, _exact;

    private CaptionModel(IWeightSource source, CaptionConfig config, WeightPolicy policy, bool trainable)
    {
        (Config, Device) = (config, policy.Device);
        Func<string, bool>? own = trainable ? _ => true : null;
        _loader = new WeightLoader(source, policy, own);
        _exact = new WeightLoader(source, policy with { Compute = ScalarType.Float32, Storage = ScalarType.Float32, Ops = null }, own);
        try
        {
            Decoder = new CaptionDecoder(_loader, config);
            Encoder = new GridEncoder(_loader, _exact, source, config, policy);
        }
        catch
        {
            _loader.Dispose();
            _exact.Dispose();
            throw;
        }
    }

    /// <summary>Sizes.</summary>
    public CaptionConfig Config { get; }

    /// <summary>Where it runs.</summary>
    public Device Device { get; }

    /// <summary>The encoder.</summary>
    public GridEncoder Encoder { get; }

    /// <summary>The decoder.</summary>
    public CaptionDecoder Decoder { get; }

    /// <summary>What is trained, by published name: everything but the position table, which the official code freezes, and statistics.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Trained
        => Loaded.Where(pair => pair.Key != "decoder.pos_emb.weight" && !pair.Key.Contains("running_", StringComparison.Ordinal))
            .Select(pair => (pair.Key, pair.Value));

    /// <summary>What training changes besides, by published name: statistics of the batch norms.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> State => Encoder.Layers.SelectMany(layer => layer.Local.State);

    /// <summary>All tensors of the model, by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Tensors
        => Loaded.Select(pair => (pair.Key, pair.Value)).Concat(State.Where(pair => pair.Name.EndsWith("num_batches_tracked", StringComparison.Ordinal)));

    private IEnumerable<KeyValuePair<string, Tensor>> Loaded => _loader.Tensors.Concat(_exact.Tensors);

    /// <summary>Loads a model.</summary>
    /// <param name="source">The checkpoint under published names; must outlive the model, whose memory it may be.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="policy">Where, in which type and in which format. Routers and the geometry are always float32.</param>
    /// <param name="trainable">Whether it gets memory of its own that may be written to.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static CaptionModel Load(IWeightSource source, CaptionConfig config, WeightPolicy policy, bool trainable = false)
        => new(source, config, policy, trainable);

    /// <summary>Folds the local cells' convolutions. For inference.</summary>
    public void Fold()
    {
        foreach (EncoderLayer layer in Encoder.Layers)
        {
            layer.Local.Fold();
        }
    }

    public void Dispose()
    {
        Encoder.Dispose();
        _loader.Dispose();
        _exact.Dispose();
    }
}
