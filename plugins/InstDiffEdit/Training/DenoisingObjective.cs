using System.Text.Json.Nodes;
using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>
/// Trains a UNet to tell the noise in latents under sentences, or their velocity: the mean squared error at times drawn evenly (Ho et al., arXiv 2006.11239,
/// equation 14) or late ones oftener, for inpainting beside a mask and the erased picture, and if asked for with attention to a box's words inside of it.
/// </summary>
internal sealed class DenoisingObjective : IDiffusionObjective
{
    private const string UNetPrefix = DiffusionFolder.UNet + ".", TextPrefix = DiffusionFolder.Text + ".", First = "conv_in.weight";

    private readonly DiffusionFolder _start;
    private readonly DiffusionModel _model;
    private readonly DiffusionTrainingOptions _options;
    private readonly UNet _unet;
    private readonly ClipTextEncoder? _text;
    private readonly LatentStore _latents;

    /// <summary>Loads a UNet to train, and the rest of its model.</summary>
    /// <param name="start">The model.</param>
    /// <param name="model">The same, for what stays as it is; owned.</param>
    /// <param name="options">Options.</param>
    /// <param name="device">Where it runs.</param>
    public DenoisingObjective(DiffusionFolder start, DiffusionModel model, DiffusionTrainingOptions options, Device device)
    {
        (_start, _model, _options) = (start, model, options);
        _latents = new LatentStore(model, options.KeepLatents);
        WeightPolicy policy = WeightPolicy.For(device, ScalarType.Float32, ScalarType.Float32);
        UNetConfig config = model.UNet.Config;
        using (IWeightSource source = start.Open(DiffusionFolder.UNet))
        using (TensorWeights? wider = Inpaints && config.Inputs == config.Outputs ? Wider(source, config) : null)
        {
            _unet = UNet.Load(wider ?? source, config with { Inputs = Inpaints ? (2 * config.Outputs) + 1 : config.Inputs }, policy, trainable: true);
        }

        if (options.TrainText)
        {
            using IWeightSource source = start.Open(DiffusionFolder.Text);
            _text = ClipTextEncoder.Load(source, model.Text.Config, policy, trainable: true);
        }

        IEnumerable<KeyValuePair<string, Tensor>> Named(string prefix, IReadOnlyDictionary<string, Tensor>? tensors)
            => (tensors ?? new Dictionary<string, Tensor>()).Select(pair => KeyValuePair.Create(prefix + pair.Key, pair.Value.requires_grad_(true)));
        Parameters = Named(UNetPrefix, _unet.Tensors).Concat(Named(TextPrefix, _text?.Tensors)).ToDictionary(StringComparer.Ordinal);
    }

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    private bool IsVelocity => _options.Velocity ?? _model.Schedule.PredictsVelocity;

    private bool Inpaints => _options.Stage == DiffusionStage.Inpainting;

    public (Tensor Loss, IReadOnlyDictionary<string, double> Metrics) Run(
        IReadOnlyList<DiffusionSample> samples, Random random, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        ErasedRegion[] regions = Inpaints ? [.. samples.Select(sample => ErasedRegion.Draw(sample, _model.PictureSize, random))] : [];
        string[] sentences = [.. (Inpaints ? regions.Select(region => region.Sentences) : samples.Select(sample => sample.Sentences))
            .Select(some => Sentence(some, random))];
        Tensor clean = cat([.. samples.Select(sample => _latents.Of(sample, cancellationToken))], 0); // [B, C, h, w]
        Tensor noise = randn_like(clean);
        int[] times = [.. samples.Select(_ => Time(random))];
        Tensor kept = tensor([.. times.Select(time => _model.Schedule.Kept[time])], [times.Length, 1, 1, 1]).to(clean.device); // [B, 1, 1, 1]
        Tensor noised = clean.mul(kept.sqrt()).add(noise.mul(kept.neg().add(1).sqrt()));
        Tensor[] context = Inpaints ? Context(samples, regions, cancellationToken) : [];
        Tensor input = Inpaints ? cat([noised, .. context], 1) : noised; // -> [B, 2 C + 1, h, w]
        List<Tensor> outside = [];
        Tensor predicted = _unet.Run(
            input, [.. times.Select(time => (double)time)], Texts(sentences, cancellationToken), Localizer(samples, sentences, outside, scope),
            cancellationToken: cancellationToken);
        Tensor target = IsVelocity ? noise.mul(kept.sqrt()).sub(clean.mul(kept.neg().add(1).sqrt())) : noise;
        Tensor error = predicted.sub(target).square(), loss = error.mean();
        if (Inpaints && _options.MaskWeight > 0)
        {
            Tensor inside = error.mul(context[0]).sum().div(context[0].sum().mul(error.size(1)).clamp(1)); // [B, C, h, w] x [B, 1, h, w] -> []
            loss = loss.add(inside, alpha: _options.MaskWeight);
        }

        Dictionary<string, double> metrics = [];
        if (outside.Count > 0)
        {
            Tensor localization = stack(outside).mean();
            metrics["localization"] = localization.item<float>();
            loss = loss.add(localization, alpha: _options.Localization);
        }

        return (loss.MoveToOuterDisposeScope(), metrics);
    }

    public void Write(DiffusionFolder folder, IReadOnlyDictionary<string, Tensor> values, bool half)
    {
        IReadOnlyDictionary<string, Tensor> Part(string prefix) => values.Where(pair => pair.Key.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(pair => pair.Key[prefix.Length..], pair => pair.Value, StringComparer.Ordinal);
        JsonObject config = _start.EditableConfig(DiffusionFolder.UNet);
        config["in_channels"] = _unet.Config.Inputs;
        folder.Write(DiffusionFolder.UNet, config, Part(UNetPrefix), half);
        folder.WritePrediction(IsVelocity);
        if (_text is not null)
        {
            folder.Write(DiffusionFolder.Text, _start.EditableConfig(DiffusionFolder.Text), Part(TextPrefix), half);
        }
    }

    public void Dispose()
    {
        _unet.Dispose();
        _text?.Dispose();
        _latents.Dispose();
        _model.Dispose();
    }

    private string Sentence(IReadOnlyList<string> sentences, Random random)
    {
        string sentence = sentences[random.Next(sentences.Count)];
        return random.NextDouble() < _options.TextDropout ? "" : sentence;
    }

    private int Time(Random random)
    {
        double u = random.NextDouble(), shift = _options.TimeShift;
        return (int)(_model.Schedule.Steps * (shift * u / (1 + ((shift - 1) * u)))); // below Steps, as u is below 1
    }

    private Tensor Texts(IEnumerable<string> sentences, CancellationToken cancellationToken)
        => (_text ?? _model.Text).Run(cat([.. sentences.Select(_model.Ids)], 0), cancellationToken: cancellationToken); // -> [B, K, D]

    // Listens to what places attend to in the sentences, past the scopes of the UNet's layers; null where that is not trained.
    private AttentionCapture? Localizer(IReadOnlyList<DiffusionSample> samples, string[] sentences, List<Tensor> losses, DisposeScope scope)
    {
        if (_options.Localization == 0)
        {
            return null;
        }

        WordBoxes words = WordBoxes.Find(samples, sentences, _model.Tokenizer, _model.Text.Config.Positions, _model.PictureSize);
        return new AttentionCapture(site => site.IsCross, (site, probabilities) => losses.Add(words.Loss(site, probabilities).MoveToOtherDisposeScope(scope)));
    }

    // Mask and erased picture, as the painting stage makes them: [B, 1, h, w] and [B, C, h, w].
    private Tensor[] Context(IReadOnlyList<DiffusionSample> samples, ErasedRegion[] regions, CancellationToken cancellationToken)
    {
        using IDisposable quiet = no_grad();
        Tensor masks = cat([.. regions.Select(region => region.Mask())], 0); // [B, 1, H, W]
        Tensor pictures = cat([.. samples.Select(sample => sample.Pixels(_model.PictureSize))], 0);
        Tensor small = nn.functional.interpolate(
            masks, [_model.UNet.Config.SampleSize, _model.UNet.Config.SampleSize], mode: InterpolationMode.Nearest); // -> [B, 1, h, w]
        Tensor left = pictures.mul(masks.neg().add(1));
        (Tensor mean, Tensor variance) = _model.Pictures.Encode(left, cancellationToken: cancellationToken);
        return [small.to(mean.device), Autoencoder.Sample(mean, variance, randn_like(mean)).mul(_model.Pictures.Config.Scale)];
    }

    // Channels for mask and erased picture, which count nothing at first.
    private static TensorWeights Wider(IWeightSource source, UNetConfig config)
    {
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> tensors = source.Names.ToDictionary(
            name => name, name => source.LoadCopy(name, ScalarType.Float32).DetachFromDisposeScope(), StringComparer.Ordinal);
        Tensor first = tensors[First];
        tensors[First] = cat([first, zeros(first.size(0), config.Outputs + 1, first.size(2), first.size(3))], 1).DetachFromDisposeScope();
        first.Dispose();
        return new TensorWeights(tensors);
    }
}
