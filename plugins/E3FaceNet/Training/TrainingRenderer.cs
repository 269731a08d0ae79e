using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>
/// Renders as training does: samples anywhere in their cells, noise on densities, running means that move, and extra rays through pixels of the picture, whose
/// samples go through the blocks by themselves and should give the same colours.
/// </summary>
/// <param name="model">The generator.</param>
/// <param name="strength">Factor on offsets of styles; 0 for none.</param>
internal sealed class TrainingRenderer(FaceModel model, double strength = 1)
{
    private const int Colours = 3;

    /// <summary>Renders. What is made on the way goes with the caller's scope.</summary>
    /// <param name="styles"><c>[B, copies, D]</c>; borrowed.</param>
    /// <param name="prompt">The sentences; borrowed.</param>
    /// <param name="world">The cameras, <c>[B, 4, 4]</c>; borrowed.</param>
    /// <param name="behind">The background's noise, <c>[B, noise]</c>; borrowed.</param>
    /// <param name="noise">Random numbers.</param>
    public TrainingPicture Run(Tensor styles, PromptMix prompt, Tensor world, Tensor behind, IRenderNoise noise)
    {
        FaceConfig config = model.Config;
        Growth growth = model.Growth;
        long batch = styles.size(0);
        noise.Normal(batch).Dispose(); // for a turn of the camera, which the published training leaves at none
        Tensor pixels = RayMaps.Pixels(model).unsqueeze(0).expand(batch, -1, -1); // [B, V V, 2]
        int side = growth.Blocks == 0 ? config.Volume : config.Resolutions[growth.Blocks - 1], extra = config.Settings.RegularisedSide;
        Tensor? places = growth.Blocks > 0 && extra > 0 ? Places(side, extra, noise.Uniform(batch, 2)) : null; // [B, extra extra]
        if (places is not null)
        {
            Tensor grid = PixelGrid.Make(config.Picture, side, side, config.Settings.AlignedCorners, model.Device);
            pixels = cat([pixels, grid.index_select(0, places.flatten()).view(batch, -1, 2)], 1);
        }

        Rays rays = Rays.Through(pixels, world, CameraRange.HalfSide(config.Settings));
        RenderedRays rendered = model.Renderer.Run(rays, model.Modulate(styles), behind, Settings(growth), noise, TaskRun.Plain);
        long own = (long)config.Volume * config.Volume;
        (Tensor low, Tensor map) = RayMaps.Of(rendered.Features.narrow(1, 0, own), config.Volume);
        Tensor depth = rendered.Depth!.narrow(1, 0, own); // [B, V V, 1]
        Rays seen = new(rays.Origin, rays.Direction.narrow(1, 0, own), config.Volume);
        UpsamplingInput how = new() { Growth = growth, Prompt = prompt, Strength = strength, Training = true };
        Upsampled made = model.Upsampler.Run(map, low, model.BlockStyles(styles), how, TaskRun.Plain);
        Tensor opacity = rendered.FaceWeights!.narrow(1, 0, own).sum(-1); // [B, N, S] -> [B, V V]
        return new TrainingPicture(
            made.Picture, low, RayMaps.Points(seen, depth), depth.view(batch, config.Volume, config.Volume),
            opacity.view(batch, config.Volume, config.Volume), map,
            places is null ? null : PathLoss(rendered, own, styles, made, places, extra, how), made.Offsets);
    }

    /// <summary>The picture that the same rays and styles give under other sentences. What is made on the way goes with the caller's scope.</summary>
    /// <param name="made">What <see cref="Run"/> gave.</param>
    /// <param name="styles">The styles that it got; borrowed.</param>
    /// <param name="prompt">The sentences; borrowed.</param>
    /// <returns><c>[B, 3, H, W]</c>.</returns>
    public Tensor Edited(TrainingPicture made, Tensor styles, PromptMix prompt)
    {
        UpsamplingInput how = new() { Growth = model.Growth, Prompt = prompt, Strength = strength };
        return model.Upsampler.Run(made.Map, made.Low, model.BlockStyles(styles), how, TaskRun.Plain).Picture;
    }

    private RenderSettings Settings(Growth growth) => new()
    {
        Samples = growth.IsUntold ? Growth.UntoldSamples : model.Config.Settings.RaySamples,
        BackgroundSamples = model.Config.Settings.BackgroundSamples,
        KeepsSamples = true,
    };

    // A grid of pixels with one shift for each picture, row by row.
    private static Tensor Places(int side, int extra, Tensor drawn)
    {
        int step = side / extra;
        Tensor shift = drawn.mul(step).floor().to(ScalarType.Int64); // [B, 2]
        Tensor line = arange(0, side, step, dtype: ScalarType.Int64, device: drawn.device).unsqueeze(0); // [1, extra]
        Tensor x = line.add(shift.narrow(1, 0, 1)), y = line.add(shift.narrow(1, 1, 1)); // [B, extra]
        return x.unsqueeze(1).add(y.unsqueeze(2).mul(side)).flatten(1); // -> [B, extra extra]
    }

    private Tensor PathLoss(RenderedRays rendered, long own, Tensor styles, Upsampled made, Tensor places, int extra, UpsamplingInput how)
    {
        long batch = styles.size(0), count = places.size(1), samples = rendered.Samples!.size(2), channels = rendered.Samples.size(3);
        int down = Rays.RowsOf((int)samples), across = (int)samples / down;
        Tensor tiles = rendered.Samples.narrow(1, own, count).reshape(batch, extra, extra, down, across, channels)
            .permute(0, 5, 3, 1, 4, 2).reshape(batch, channels, down * extra, across * extra); // samples side by side as tiles: [B, C, rows, columns]
        Tensor weights = rendered.Weights!.narrow(1, own, count).view(batch, extra, extra, samples).permute(0, 3, 1, 2); // [B, S, extra, extra]
        Upsampled each = model.Upsampler.Run(
            tiles.narrow(1, Colours, channels - Colours).contiguous(), tiles.narrow(1, 0, Colours).contiguous(), model.BlockStyles(styles),
            how with { Offsets = made.Offsets.Count > 0 ? made.Offsets : null, Flat = true }, TaskRun.Plain);
        Tensor colours = each.Picture.view(batch, Colours, down, extra, across, extra).permute(0, 1, 2, 4, 3, 5)
            .reshape(batch, Colours, samples, extra, extra); // -> [B, 3, S, extra, extra]
        Tensor shown = colours.mul(weights.unsqueeze(1)).sum(2); // -> [B, 3, extra, extra]
        Tensor picked = made.Picture.flatten(2).gather(2, places.unsqueeze(1).expand(-1, Colours, -1)).view_as(shown);
        return picked.sub(shown).square().sum(1).flatten(1).mean([1], keepdim: true).mul(2); // -> [B, 1]
    }
}
