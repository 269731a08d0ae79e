using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet;

/// <summary>The pictures of a view.</summary>
/// <param name="Picture">The face.</param>
/// <param name="Edited">The edited face; null without an edit.</param>
internal sealed record FacePictures(Picture Picture, Picture? Edited);

/// <summary>Renders one face from many view points: styles, modulated fields and sentences' tables are computed once, rays and blocks for each view.</summary>
/// <param name="model">The generator.</param>
/// <param name="options">Options.</param>
/// <param name="run">When to stop, and who listens.</param>
internal sealed class FaceRendering(FaceModel model, FaceOptions options, TaskRun run)
{
    private const long SliceBytes = 64L << 20;
    private const int AcceleratedViews = 4;

    private readonly FaceConfig _config = model.Config;
    private int _done;

    /// <summary>Pictures in all, for progress.</summary>
    public int Pictures { get; init; }

    /// <summary>Given each batch's pictures as they leave the network, about -1 to 1, and those of the edit; for who wants more than bytes. Borrowed.</summary>
    public Action<Tensor, Tensor?>? Raw { get; init; }

    private Growth Growth => model.Growth;

    /// <summary>Renders.</summary>
    /// <param name="inputs">What the face is made of; borrowed.</param>
    /// <param name="plan">View points and numbers.</param>
    /// <returns>View by view its pictures.</returns>
    public IReadOnlyList<FacePictures> Run(FaceInputs inputs, FacePlan plan)
    {
        run.Enter("mapping");
        using Tensor styles = model.Styles(inputs.Noise, inputs.Pooled, plan.Truncation, options.TruncationCutoff);
        run.Value("ws", styles);
        run.Count("mapping", FaceCost.Mapping(_config));
        using FieldKernels kernels = model.Modulate(styles);
        bool enhances = inputs.Tokens is not null && options.EnhancerStrength > 0;
        using PromptTables? prompt = enhances ? model.Prepare(inputs.Tokens!, IsFolded) : null;
        using PromptTables? edit = enhances && inputs.EditTokens is { } tokens ? model.Prepare(tokens, IsFolded) : null;
        using Tensor blockStyles = model.BlockStyles(styles);
        using FaceScene scene = new(
            kernels, blockStyles, prompt is null ? null : new PromptMix(prompt), edit is null ? null : new PromptMix(edit, prompt, plan.EditAlpha), inputs);
        int batch = options.ViewBatch ?? (model.Device.type == DeviceType.CPU ? 1 : AcceleratedViews);
        List<FacePictures> views = [];
        for (int first = 0; first < plan.Views.Count; first += batch)
        {
            run.Cancellation.ThrowIfCancellationRequested();
            ViewPoint[] some = [.. plan.Views.Skip(first).Take(batch)];
            views.AddRange(Batch(scene, some));
        }

        return views;
    }

    private bool IsFolded => options.Enhancer == FaceOptions.Folded;

    private int Samples => options.RaySamples ?? (Growth.IsUntold ? Growth.UntoldSamples : _config.Settings.RaySamples);

    private RenderSettings Settings(int views) => new()
    {
        Samples = Samples,
        BackgroundSamples = options.BackgroundSamples ?? _config.Settings.BackgroundSamples,
        Hierarchical = options.Hierarchical,
        Background = options.Background,
        SliceRows = options.SliceRows ?? (int)Math.Max(1, SliceBytes / (sizeof(float) * (long)views * _config.Volume * Samples * _config.FaceWidth)),
        KeepsSamples = options.Render is FaceOptions.Depth or FaceOptions.Gradient,
    };

    private IEnumerable<FacePictures> Batch(FaceScene scene, IReadOnlyList<ViewPoint> views)
    {
        using DisposeScope scope = NewDisposeScope();
        run.Enter("rays");
        using Rays rays = RaysOf(views);
        using RenderedRays rendered = Render(rays, scene.Kernels, scene.Inputs.Background);
        (Tensor low, Tensor map) = RayMaps.Of(rendered.Features, rays.Rows);
        run.Value("nerf_rgb", low);
        if (rendered.Depth is { } depth)
        {
            run.Value("depth", depth);
        }

        Tensor picture = options.Render switch
        {
            FaceOptions.Picture => Picture(map, low, scene, edits: false),
            FaceOptions.Rays => low,
            _ => Surface(rays, rendered, scene.Kernels),
        };
        Picture[] pictures = Shown(picture, views.Count);
        Tensor? edited = scene.Edit is null ? null : Edited(rays, map, low, scene);
        Picture?[] changed = edited is null ? new Picture?[views.Count] : [.. Shown(edited, views.Count)];
        Raw?.Invoke(picture, edited);
        return [.. pictures.Zip(changed, (first, second) => new FacePictures(first, second))];
    }

    private Rays RaysOf(IReadOnlyList<ViewPoint> views)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor pixels = RayMaps.Pixels(model), world = CameraPose.World([.. views.Select(CameraRange.Of)]).to(model.Device);
        if (views.Any(view => view.Roll != 0))
        {
            pixels = PixelGrid.Turned(pixels, tensor([.. views.Select(view => (float)view.Roll)], device: model.Device)); // [N, 2] -> [B, N, 2]
        }

        Rays rays = Rays.Through(pixels, world, CameraRange.HalfSide(_config.Settings));
        return rays with { Origin = rays.Origin.MoveToOuterDisposeScope(), Direction = rays.Direction.MoveToOuterDisposeScope() };
    }

    private RenderedRays Render(Rays rays, FieldKernels kernels, Tensor behind)
    {
        RenderSettings how = Settings(rays.Batch);
        long placed = how.Hierarchical ? 2L * how.Samples : how.Samples;
        run.Count("rays", rays.Batch * FaceCost.Rays(_config, placed, how.Background ? how.BackgroundSamples : 0));
        return model.Renderer.Run(rays, kernels, behind, how, noise: null, run);
    }

    // The edited face: what rays show is the original's, unless another background belongs behind it.
    private Tensor Edited(Rays rays, Tensor map, Tensor low, FaceScene scene)
    {
        if (scene.Inputs.EditBackground is not { } behind)
        {
            return Picture(map, low, scene, edits: true);
        }

        run.Enter("rays");
        using RenderedRays rendered = Render(rays, scene.Kernels, behind);
        (Tensor otherLow, Tensor otherMap) = RayMaps.Of(rendered.Features, rays.Rows);
        return Picture(otherMap, otherLow, scene, edits: true);
    }

    private Tensor Picture(Tensor map, Tensor low, FaceScene scene, bool edits)
    {
        IReadOnlyList<Tensor>? given = edits ? scene.EditOffsets : scene.Offsets;
        UpsamplingInput how = new()
        {
            Growth = Growth,
            Prompt = edits ? scene.Edit : scene.Prompt,
            Offsets = given,
            Strength = options.EnhancerStrength,
        };
        using Upsampled made = model.Upsampler.Run(map, low, scene.BlockStyles, how, run);
        run.Count("blocks", map.size(0) * FaceCost.Blocks(_config, Growth.Blocks));
        if (given is null && how.Prompt is not null)
        {
            long tokens = scene.Inputs.Tokens!.size(1), sentences = edits ? 2 : 1;
            run.Count("enhancer", sentences * map.size(0) * FaceCost.Enhancer(_config, Growth.Blocks, tokens, IsFolded));
            if (options.ShareOffsets)
            {
                scene.Keep(made.Offsets, edits);
            }
        }

        return made.Picture.alias();
    }

    private Tensor Surface(Rays rays, RenderedRays rendered, FieldKernels kernels)
    {
        FaceSettings settings = _config.Settings;
        double depth = settings.Far - settings.Near;
        Tensor unit = options.Render switch
        {
            // Bright where it is near, dark where there is nothing.
            FaceOptions.Depth => rendered.FaceWeights!.mul(rendered.FaceDepths!.neg().add(settings.Far).div(depth)).sum(-1)
                .view(rays.Batch, 1, rays.Rows, rays.Columns).expand(-1, 3, -1, -1).mul(2).sub(1),
            FaceOptions.Points => RayMaps.Points(rays, rendered.Depth!).mul(2 / depth),
            FaceOptions.Normals => NormalsOf(rays, rendered),
            _ => RayMaps.Gradient(rays, rendered, model.Face, kernels),
        };
        run.Value(options.Render, unit);
        return unit;
    }

    private static Tensor NormalsOf(Rays rays, RenderedRays rendered)
    {
        using Tensor points = RayMaps.Points(rays, rendered.Depth!);
        return RayMaps.Normals(points);
    }

    // Bytes of each picture, [B, 3, H, W]; tells of each.
    private Picture[] Shown(Tensor pictures, int count)
    {
        run.Enter("pictures");
        Picture[] shown = new Picture[count];
        using Tensor bytes = Bytes(pictures);
        byte[] all = bytes.data<byte>().ToArray();
        int height = (int)pictures.size(2), width = (int)pictures.size(3), each = all.Length / count;
        for (int view = 0; view < count; view++)
        {
            shown[view] = new Picture(all.AsMemory(view * each, each), width, height);
            _done++;
            run.Progress?.Report(new TaskProgress("views", _done, Pictures) { Picture = run.WantsPreviews ? shown[view] : null });
        }

        return shown;
    }

    /// <summary>Pictures as bytes, <c>[B, 3, H, W]</c> about -1 to 1 to <c>[B, H, W, 3]</c>, cut off rather than rounded; the caller disposes it.</summary>
    public static Tensor Bytes(Tensor pictures)
    {
        using DisposeScope scope = NewDisposeScope();
        return pictures.permute(0, 2, 3, 1).mul(127.5).add(128).clamp(0, 255).to(ScalarType.Byte).cpu().contiguous().MoveToOuterDisposeScope();
    }
}
