using System.Text.Json.Nodes;
using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>
/// Trains an autoencoder: the mean absolute error of a pixel of the decoded picture and, lightly, the latents' divergence from standard normal numbers. Without
/// the perceptual and adversarial losses of published ones, whose networks nobody trained for small worlds.
/// </summary>
internal sealed class AutoencoderObjective : IDiffusionObjective
{
    private const string Prefix = DiffusionFolder.Pictures + ".";
    private const int MeasuredPictures = 256, MeasuredTogether = 8;

    private readonly DiffusionFolder _start;
    private readonly IReadOnlyList<DiffusionSample> _samples;
    private readonly Autoencoder _autoencoder;
    private readonly int _side;
    private readonly double _divergence;

    /// <summary>Loads an autoencoder to train.</summary>
    /// <param name="start">The model.</param>
    /// <param name="samples">All samples, on which the scale of latents is measured.</param>
    /// <param name="options">Options.</param>
    /// <param name="device">Where it runs.</param>
    public AutoencoderObjective(DiffusionFolder start, IReadOnlyList<DiffusionSample> samples, DiffusionTrainingOptions options, Device device)
    {
        (_start, _samples, _divergence) = (start, samples, options.Divergence);
        AutoencoderConfig config = AutoencoderConfig.Parse(start.Config(DiffusionFolder.Pictures), start.ConfigFile(DiffusionFolder.Pictures));
        UNetConfig unet = UNetConfig.Parse(start.Config(DiffusionFolder.UNet), start.ConfigFile(DiffusionFolder.UNet));
        _side = unet.SampleSize * config.Stride;
        using IWeightSource source = start.Open(DiffusionFolder.Pictures);
        _autoencoder = Autoencoder.Load(source, config, WeightPolicy.For(device, ScalarType.Float32, ScalarType.Float32), trainable: true);
        Parameters = _autoencoder.Tensors.ToDictionary(pair => Prefix + pair.Key, pair => pair.Value.requires_grad_(true), StringComparer.Ordinal);
    }

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    public (Tensor Loss, IReadOnlyDictionary<string, double> Metrics) Run(
        IReadOnlyList<DiffusionSample> samples, Random random, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor pictures = Batch(samples);
        (Tensor mean, Tensor variance) = _autoencoder.Encode(pictures, cancellationToken: cancellationToken);
        Tensor decoded = _autoencoder.Decode(Autoencoder.Sample(mean, variance, randn_like(mean)), cancellationToken: cancellationToken);
        Tensor difference = decoded.sub(pictures.to(decoded.device));
        Tensor divergence = mean.square().add(variance.exp()).sub(1).sub(variance).mean().mul(0.5);
        Tensor loss = difference.abs().mean().add(divergence.mul(_divergence));
        Dictionary<string, double> metrics = new()
        {
            ["PSNR"] = -10 * Math.Log10(difference.detach().square().mean().item<float>() / 4), // pictures span 2
            ["divergence"] = divergence.item<float>(),
        };
        return (loss.MoveToOuterDisposeScope(), metrics);
    }

    public void Write(DiffusionFolder folder, IReadOnlyDictionary<string, Tensor> values, bool half)
    {
        Dictionary<string, Tensor> tensors = values.ToDictionary(pair => pair.Key[Prefix.Length..], pair => pair.Value, StringComparer.Ordinal);
        JsonObject config = _start.EditableConfig(DiffusionFolder.Pictures);
        config["scaling_factor"] = 1 / Deviation(tensors);
        folder.Write(DiffusionFolder.Pictures, config, tensors, half);
    }

    public void Dispose() => _autoencoder.Dispose();

    private Tensor Batch(IEnumerable<DiffusionSample> samples) => cat([.. samples.Select(sample => sample.Pixels(_side))], 0);

    // Deviation of the latents that these values give: what is noised has variance 1.
    private double Deviation(Dictionary<string, Tensor> tensors)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using TensorWeights source = new(tensors.ToDictionary(pair => pair.Key, pair => pair.Value.detach().cpu(), StringComparer.Ordinal));
        using Autoencoder trained = Autoencoder.Load(
            source, _autoencoder.Config, WeightPolicy.For(CPU, ScalarType.Float32, ScalarType.Float32));
        Tensor[] latents =
        [
            .. _samples.Take(MeasuredPictures).Chunk(MeasuredTogether).Select(samples =>
            {
                (Tensor mean, Tensor variance) = trained.Encode(Batch(samples));
                return Autoencoder.Sample(mean, variance, randn_like(mean));
            }),
        ];
        return cat(latents, 0).std().item<float>();
    }
}
