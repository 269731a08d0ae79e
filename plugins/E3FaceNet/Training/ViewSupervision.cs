using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Plugins.E3FaceNet.Text;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>
/// Training on true views of known cameras: the mean absolute difference of the picture, of the rays' own colours at their pixels, and of nearness. The paper
/// has no such loss; it is that of supervised novel views (as in NeRF, arXiv 2003.08934, equation 6, of absolute differences) with the sentence as the only
/// input.
/// </summary>
/// <param name="model">The generator; borrowed.</param>
/// <param name="text">The text encoder; borrowed.</param>
/// <param name="photos">Pictures and sentences.</param>
/// <param name="views">Cameras and all else.</param>
/// <param name="options">Weights.</param>
internal sealed class ViewSupervision(FaceModel model, FaceText text, FacePhotos photos, TrueViews views, FaceTrainingOptions options)
{
    /// <summary>Shows the samples' heads and compares. What is made on the way goes with the caller's scope.</summary>
    /// <param name="samples">Which samples.</param>
    /// <param name="noise">Random numbers.</param>
    /// <returns>The loss, what was made, and what the log shows.</returns>
    public (Tensor Loss, TrainingPicture Made, IReadOnlyDictionary<string, double> Metrics) Run(IReadOnlyList<int> samples, IRenderNoise noise)
    {
        FaceConfig config = model.Config;
        string[] sentences = [.. samples.Select(photos.Sentence)];
        (Tensor pooled, Tensor tokens) = text.Encode(
            options.EditWeight > 0 ? [.. sentences, .. samples.Select(views.EditSentence)] : sentences, CancellationToken.None);
        Tensor styles = model.Mapping.Copies(
            model.Mapping.Run(Noise(samples, noise), pooled.narrow(0, 0, samples.Count), training: true), config.Styles);
        TrainingRenderer renderer = new(model, options.EnhancerStrength);
        Tensor world = CameraPose.World(views.Poses(samples)).to(model.Device);
        PromptMix prompt = new(model.Prepare(tokens.narrow(0, 0, samples.Count), folded: false));
        TrainingPicture made = renderer.Run(styles, prompt, world, noise.Normal(samples.Count, config.BackgroundNoise), noise);
        Tensor truth = photos.Pictures(samples, [.. samples.Select(_ => false)]).to(model.Device);
        Tensor picture = F.l1_loss(made.Picture, Shrunk(truth, (int)made.Picture.size(-1))), low = F.l1_loss(made.Low, Shrunk(truth, config.Volume));
        Tensor loss = picture.add(low);
        Dictionary<string, double> metrics = new() { ["picture"] = picture.item<float>(), ["rays"] = low.item<float>() };
        if (options.DepthWeight > 0)
        {
            Tensor depth = F.l1_loss(Nearness(made), Shrunk(views.Nearness(samples).to(model.Device).unsqueeze(1), config.Volume).squeeze(1));
            metrics["depth"] = depth.item<float>();
            loss = loss.add(depth.mul(options.DepthWeight));
        }

        if (options.EditWeight > 0)
        {
            PromptMix other = new(model.Prepare(tokens.narrow(0, samples.Count, samples.Count), folded: false));
            Tensor edited = renderer.Edited(made, styles, other);
            Tensor edit = F.l1_loss(edited, Shrunk(views.Edits(samples).to(model.Device), (int)edited.size(-1)));
            metrics["edit"] = edit.item<float>();
            loss = loss.add(edit.mul(options.EditWeight));
        }

        return (loss.mul(options.ViewWeight), made, metrics);
    }

    // Of a ray that passes the face in part, in part: [B, V, V].
    private Tensor Nearness(TrainingPicture made)
        => made.Opacity.mul(model.Config.Settings.Far).sub(made.Depth).mul(1 / (model.Config.Settings.Far - model.Config.Settings.Near));

    private Tensor Noise(IReadOnlyList<int> samples, IRenderNoise noise)
        => options.Noises > 0
            ? cat([.. samples.Select(sample => FaceNoise.Face(views.Head(sample) % options.Noises, model.Config.Noise))]).to(model.Device) // -> [B, Z]
            : noise.Normal(samples.Count, model.Config.Noise);

    // The pixels through which rays of a smaller map go.
    private static Tensor Shrunk(Tensor pictures, int side)
    {
        long stride = pictures.size(-1) / side;
        Tensor places = arange(0, pictures.size(-1), stride, dtype: ScalarType.Int64, device: pictures.device);
        return stride == 1 ? pictures : pictures.index_select(2, places).index_select(3, places); // [B, C, H, W] -> [B, C, side, side]
    }
}
