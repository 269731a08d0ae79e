using Aperture.Decoding;
using Aperture.Models;
using Aperture.Text;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>
/// METER: a text and a vision encoder, and cross-modal layers in which each stream reads itself and the other one. With EAS's adapters, and attention
/// sub-layers skipped as a
/// <see cref="MeterPlan"/> says. Owns its weights.
/// </summary>
internal sealed class MeterModel : IDisposable
{
    private readonly Ops _ops;
    private readonly WeightPolicy _policy;
    private readonly BertEncoder _text;
    private readonly VisionTransformer _vision;
    private readonly WeightLoader _loader;
    private readonly Matrix _textTransform, _imageTransform, _textPooler, _imagePooler;
    private readonly Tensor _tokenTypes;
    private readonly Tensor? _classifierToken;
    private readonly MeterCrossLayer[] _textLayers, _imageLayers;

    private MeterModel(IWeightSource source, MeterConfig config, WeightPolicy policy, bool trainable, List<IDisposable> owned)
    {
        T Own<T>(T part)
            where T : IDisposable
        {
            owned.Add(part);
            return part;
        }

        (Config, _policy) = (config, policy);
        _ops = policy.Ops ?? Own(new Ops(policy.Device, policy.Compute));
        _text = Own(new BertEncoder(config.Text, BertWeights.Load(source, MeterKeys.Text, config.Text, policy, pooler: false)));
        OpenAiClipWeights clip = new(source, MeterKeys.Vision);
        _vision = Own(new VisionTransformer(config.Vision, ClipVision.Load(clip, "", config.Vision, policy, config.Vision.Layers, postNorm: true), _ops));
        _loader = Own(new WeightLoader(source, policy, trainable ? MeterKeys.IsTrained : null));
        int d = config.Width;
        _textTransform = _loader.Linear(MeterKeys.TextTransform, d, config.Text.HiddenSize);
        _imageTransform = _loader.Linear(MeterKeys.ImageTransform, d, config.Vision.HiddenSize);
        _tokenTypes = _loader.Tensor(MeterKeys.TokenTypes, config.TokenTypes, d);
        _classifierToken = config.Adapted ? _loader.Tensor(MeterKeys.ClassifierToken, 1, 1, d) : null;
        MeterCrossLayer Layer(string name) => new(_loader, source, name, config, policy, owned);
        _textLayers = [.. Enumerable.Range(0, config.Layers).Select(layer => Layer(MeterKeys.TextLayer(layer)))];
        _imageLayers = [.. Enumerable.Range(0, config.Layers).Select(layer => Layer(MeterKeys.ImageLayer(layer)))];
        _textPooler = _loader.Linear(MeterKeys.TextPooler, d, d);
        _imagePooler = _loader.Linear(MeterKeys.ImagePooler, d, d);
        Heads = new MeterHeads(_loader, source, config);
        Parts = owned;
    }

    /// <summary>Sizes.</summary>
    public MeterConfig Config { get; }

    /// <summary>The task heads.</summary>
    public MeterHeads Heads { get; }

    /// <summary>The text's cross-modal layers.</summary>
    public IReadOnlyList<MeterCrossLayer> TextLayers => _textLayers;

    /// <summary>The picture's cross-modal layers.</summary>
    public IReadOnlyList<MeterCrossLayer> ImageLayers => _imageLayers;

    /// <summary>Everything but the two encoders, by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Tensors
        => _loader.Tensors.Select(pair => (pair.Key, pair.Value)).Concat(_textLayers.Concat(_imageLayers).SelectMany(layer => layer.AdapterTensors));

    /// <summary>What EAS trains of it, by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Trained => Tensors.Where(pair => MeterKeys.IsTrained(pair.Name));

    private List<IDisposable> Parts { get; }

    /// <summary>Loads a model.</summary>
    /// <param name="source">The checkpoint under published names; must outlive the model, whose memory it may be.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <param name="trainable">Whether <see cref="Trained"/> gets memory of its own.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static MeterModel Load(IWeightSource source, MeterConfig config, WeightPolicy policy, bool trainable = false)
    {
        List<IDisposable> owned = [];
        try
        {
            return new MeterModel(source, config, policy, trainable, owned);
        }
        catch
        {
            owned.ForEach(part => part.Dispose());
            throw;
        }
    }

    /// <summary>Text alone through its encoder.</summary>
    /// <param name="ids">int64 <c>[B, N]</c>; borrowed.</param>
    /// <param name="mask">int64 <c>[B, N]</c>, 1 for tokens; borrowed.</param>
    /// <param name="trace">Shows hidden states; null for none.</param>
    /// <param name="dropout">While training, the fraction that is set to zero.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns><c>[B, N, text width]</c>; the caller disposes it.</returns>
    public Tensor EncodeText(Tensor ids, Tensor mask, BertTrace? trace = null, double dropout = 0, CancellationToken cancellationToken = default)
        => _text.Run(ids, mask, types: null, trace, dropout, cancellationToken);

    /// <summary>Pictures alone through their encoder, with the norm behind it.</summary>
    /// <param name="pixels">Normalised pixels <c>[B, 3, side, side]</c>; borrowed. Positions are resampled where the side is not the checkpoint's.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns><c>[B, 1 + patches, vision width]</c>; the caller disposes it.</returns>
    public Tensor EncodeImage(Tensor pixels, CancellationToken cancellationToken = default)
    {
        using VisionRun run = _vision.Run(pixels, VisionRequest.Plain, cancellationToken);
        return _vision.PostNorm(run[run.Blocks]);
    }

    /// <summary>Fuses encoded texts and pictures.</summary>
    /// <param name="text">From <see cref="EncodeText"/>, <c>[B, N, text width]</c>; borrowed.</param>
    /// <param name="mask">int64 <c>[B, N]</c>; borrowed.</param>
    /// <param name="image">From <see cref="EncodeImage"/>, <c>[B, M, vision width]</c>; borrowed.</param>
    /// <param name="plan">What is skipped.</param>
    /// <param name="imageType">Token type of the picture: 1, or 2 for the second of two.</param>
    /// <param name="training">Dropout while training; null outside it.</param>
    /// <param name="trace">Gets every layer's number and the rows of text and picture after it, borrowed.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public MeterFeatures Fuse(
        Tensor text, Tensor mask, Tensor image, MeterPlan plan, int imageType = 1, MeterDropout? training = null, Action<int, Tensor, Tensor>? trace = null,
        CancellationToken cancellationToken = default)
    {
        if (!plan.IsEmpty && !Config.Adapted)
        {
            throw new ApertureException(
                "METER: attention can only be skipped where a checkpoint has EAS's adapters in its place, and this one has none; use a checkpoint trained "
                + "with EAS, or skip nothing.");
        }

        if (imageType >= Config.TokenTypes)
        {
            throw new ApertureException(
                $"METER: this checkpoint knows {Config.TokenTypes - 1} picture at a time (its token-type table has {Config.TokenTypes} rows); tasks with two "
                + "pictures need a checkpoint trained for NLVR2.");
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor bias = BertEncoder.MaskBias(mask, text);
        Tensor x = _textTransform.Apply(text); // [B, N, d]
        Tensor y = _imageTransform.Apply(image); // [B, M, d]
        if (_classifierToken is not null)
        {
            x = cat([_classifierToken.expand(x.size(0), 1, -1), x.narrow(1, 1, x.size(1) - 1)], 1);
        }

        x = x.add(_tokenTypes[0]);
        y = y.add(_tokenTypes[imageType]);
        for (int layer = 0; layer < Config.Layers; layer++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Tensor nextX = _textLayers[layer].Run(x, y, bias, otherMask: null, (plan.TextSelf[layer], plan.TextCross[layer]), training);
            Tensor nextY = _imageLayers[layer].Run(y, x, mask: null, bias, (plan.ImageSelf[layer], plan.ImageCross[layer]), training);
            x.Dispose();
            y.Dispose();
            (x, y) = (nextX, nextY);
            trace?.Invoke(layer, x, y);
        }

        Tensor pooled = cat([Pool(x, _textPooler), Pool(y, _imagePooler)], -1); // [B, 2 d]
        return new MeterFeatures(x.MoveToOuterDisposeScope(), y.MoveToOuterDisposeScope(), pooled.MoveToOuterDisposeScope());
    }

    /// <summary>Bytes to tensors on the model's device.</summary>
    /// <param name="tensor">A tensor on the CPU; borrowed.</param>
    /// <returns>The caller disposes it.</returns>
    public Tensor ToDevice(Tensor tensor) => tensor.to(_policy.Device);

    public void Dispose()
    {
        for (int part = Parts.Count - 1; part >= 0; part--)
        {
            Parts[part].Dispose();
        }
    }

    private static Tensor Pool(Tensor rows, Matrix pooler) => pooler.Apply(rows.select(1, 0)).tanh();
}
