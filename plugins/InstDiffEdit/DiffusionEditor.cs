using Aperture.Diffusion;
using Aperture.Images;
using Aperture.Plugins.InstDiffEdit.Masks;
using Aperture.Plugins.InstDiffEdit.Stages;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit;

/// <summary>Edits pictures by InstDiffEdit, DiffEdit or SDEdit. Owns its models.</summary>
/// <param name="model">The model that finds the mask; owned.</param>
/// <param name="painter">The inpainting model; owned. Null where the mask stage's own latents are shown.</param>
/// <param name="options">Options.</param>
internal sealed class DiffusionEditor(DiffusionModel model, DiffusionModel? painter, EditorOptions options) : IImageEditor
{
    // A traced value: passes of UNets in the edit, one latent each.
    private const string PassesValue = "unet_passes";

    private readonly DiffusionModel? _painter = Checked(painter);

    public string Name => EditorFactory.EditorName;

    public string Summary
        => $"{options.Method} on a UNet of {model.UNet.Weights / 1e6:0.0} M weights for pictures of {model.PictureSize} "
            + $"pixels; {(_painter is null ? "shows its own latents" : "paints with an inpainting model")}.";

    public DiffusionModel Model => model;

    public EditedPicture Edit(Picture picture, EditRequest request, TaskRun run)
    {
        EditPlan plan = EditPlan.Of(request, picture, model, options);
        using IDisposable quiet = inference_mode();
        Image image = Image.FromPicture(picture).Resize(plan.Width, plan.Height);
        long before = UNetPasses;
        EditedPicture edited = Edit(image, request, plan, new SeededNoise(plan.Seed, nested: options.Method == EditorOptions.DiffEdit), run);
        if (run.Wants(PassesValue))
        {
            using Tensor passes = tensor((float)(UNetPasses - before));
            run.Value(PassesValue, passes);
        }

        return edited;
    }

    /// <summary>Edits a picture of the size that is worked on, with given noise.</summary>
    internal EditedPicture Edit(Image image, EditRequest request, EditPlan plan, IEditNoise noise, TaskRun run, Func<int, byte[]?>? given = null)
    {
        using DisposeScope scope = NewDisposeScope();
        byte[]? pixels = request.Mask is { } hand ? Image.FromMask(hand).Resize(plan.Width, plan.Height).Pixels.ToArray() : null;
        bool paints = _painter is not null && !request.MaskOnly;
        Tensor? latent = null;
        if (pixels is null || !paints)
        {
            latent = Latent(image, noise, run);
        }

        Tensor? unit = null;
        if (options.Method == EditorOptions.SdEdit)
        {
            return new EditedPicture(request.MaskOnly ? null : PictureTensors.ToPicture(Plain(latent ?? Latent(image, noise, run), plan, noise, run)), null);
        }

        if (pixels is null || (!paints && !request.MaskOnly))
        {
            (byte[] small, Tensor? own) = FindMask(latent!, request, plan, noise, run, Pasted(pixels, plan, given));
            pixels ??= Image.FromPixels(ImageMode.L, small, plan.Width / Stride, plan.Height / Stride).Resize(plan.Width, plan.Height).Pixels.ToArray();
            unit = paints || request.MaskOnly ? null : own is null ? null : model.Pictures.Pictures(own, run.Cancellation);
        }

        MaskImage mask = new(pixels, plan.Width, plan.Height);
        if (paints)
        {
            PaintStage stage = new(_painter!, plan, options, run) { Progress = Teller("inpainting", options.InpaintSteps, mask, _painter!, run) };
            unit = stage.Run(image, pixels, noise);
            UNetPasses += stage.UNetPasses;
        }

        return new EditedPicture(unit is null ? null : PictureTensors.ToPicture(PutBack(image, unit, pixels, plan)), mask);
    }

    /// <summary>Passes of UNets since the editor was opened.</summary>
    internal long UNetPasses { get; private set; }

    public void Dispose()
    {
        _painter?.Dispose();
        model.Dispose();
    }

    private int Stride => model.Pictures.Config.Stride;

    private static DiffusionModel? Checked(DiffusionModel? painter)
    {
        if (painter is not null && painter.UNet.Config.Inputs != (2 * painter.Pictures.Config.LatentChannels) + 1)
        {
            throw new ApertureException(
                $"{EditorFactory.EditorName}: the UNet of Inpaint takes {painter.UNet.Config.Inputs} channels, but an inpainting model takes "
                + $"{(2 * painter.Pictures.Config.LatentChannels) + 1} (latent, mask and erased latent); name an inpainting checkpoint.");
        }

        return painter;
    }

    private Tensor Latent(Image image, IEditNoise noise, TaskRun run)
    {
        run.Enter("encode");
        using Tensor unit = PictureTensors.Unit(image);
        using Tensor signed = unit.mul(2).sub_(1); // [1, 3, H, W], -1 to 1
        using Tensor own = noise.Encoding([1, model.Pictures.Config.LatentChannels, image.Height / Stride, image.Width / Stride]);
        Tensor latent = model.Pictures.Latents(signed, own, run.Cancellation);
        run.Value("latent", latent);
        return latent;
    }

    private Tensor Noise(IEditNoise noise, Tensor latent, int samples)
    {
        using Tensor drawn = noise.Start(latent.shape, samples);
        return drawn.to(latent.device, copy: true);
    }

    // The mask in the latent's size, and the first sample's latent where there is one.
    private (byte[] Mask, Tensor? Latent) FindMask(
        Tensor latent, EditRequest request, EditPlan plan, IEditNoise noise, TaskRun run, Func<int, byte[]?>? given)
    {
        using Tensor start = Noise(noise, latent, options.SampleCount);
        run.Enter("text");
        if (options.Method == EditorOptions.DiffEdit)
        {
            DifferenceStage differences = new(model, plan, options, run)
            {
                Progress = run.Progress is { } listener ? (done, total) => listener.Report(new TaskProgress("mask", done, total)) : null,
            };
            byte[] grey = differences.Run(latent, start, request.Source!);
            UNetPasses += differences.UNetPasses;
            return (DifferenceMask.Binary(grey, (int)latent.size(2), (int)latent.size(3), options.Threshold), null);
        }

        using GuidedDenoiser denoiser = Sentences.Guide(model, plan.Prompt, options.SampleCount, plan.Guidance, options.RoundText, run.Cancellation);
        MaskStage stage = new(model, plan, options, run) { Given = given, Progress = MaskTeller(plan, run) };
        using MaskStageResult result = stage.Run(latent, start, denoiser);
        run.Count("mask UNet", denoiser.Flops);
        UNetPasses += denoiser.Passes;
        using Tensor first = result.Samples.narrow(0, 0, 1);
        return (result.Mask, first.clone());
    }

    private Tensor Plain(Tensor latent, EditPlan plan, IEditNoise noise, TaskRun run)
    {
        using Tensor start = Noise(noise, latent, 1);
        run.Enter("text");
        using GuidedDenoiser denoiser = Sentences.Guide(model, plan.Prompt, 1, plan.Guidance, options.RoundText, run.Cancellation);
        PlainStage stage = new(model, plan, options, run) { Progress = Teller("denoising", plan.Steps - plan.First, null, model, run) };
        (Tensor edited, Tensor predicted) = stage.Run("denoising", latent, start, denoiser);
        using Tensor owned = edited, last = predicted;
        run.Value("final_latent", owned);
        run.Count("UNet", denoiser.Flops);
        UNetPasses += denoiser.Passes;
        return model.Pictures.Pictures(owned, run.Cancellation);
    }

    // A mask that the user gives is what the mask stage pastes with.
    private Func<int, byte[]?>? Pasted(byte[]? pixels, EditPlan plan, Func<int, byte[]?>? given)
    {
        if (pixels is null)
        {
            return given;
        }

        byte[] small = Image.FromPixels(ImageMode.L, pixels, plan.Width, plan.Height).Resize(plan.Width / Stride, plan.Height / Stride).Pixels.ToArray();
        byte[] binary = Array.ConvertAll(small, value => value > MaskImage.ByteThreshold ? byte.MaxValue : byte.MinValue);
        return _ => binary;
    }

    private Tensor PutBack(Image image, Tensor edited, byte[] mask, EditPlan plan)
    {
        if (!options.PasteBack)
        {
            return edited;
        }

        using DisposeScope scope = NewDisposeScope();
        Tensor inside = PictureTensors.Mask(
            Array.ConvertAll(mask, value => value > MaskImage.ByteThreshold ? byte.MaxValue : byte.MinValue), plan.Height, plan.Width);
        return where(inside.gt(0).to(edited.device), edited, PictureTensors.Unit(image).to(edited.device)).MoveToOuterDisposeScope(); // [1, 3, H, W]
    }

    private Action<int, byte[], Func<Tensor>>? MaskTeller(EditPlan plan, TaskRun run)
        => run.Progress is not { } listener ? null : (step, mask, latent) => listener.Report(new TaskProgress("mask", step + 1, plan.Steps - plan.First)
        {
            Mask = new MaskImage(
                Image.FromPixels(ImageMode.L, mask, plan.Width / Stride, plan.Height / Stride).Resize(plan.Width, plan.Height).Pixels.ToArray(),
                plan.Width, plan.Height),
            Picture = run.WantsPreviews ? Preview(model, latent, run) : null,
        });

    private static Action<int, Func<Tensor>>? Teller(string stage, int steps, MaskImage? mask, DiffusionModel shown, TaskRun run)
        => run.Progress is not { } listener ? null : (step, latent) => listener.Report(new TaskProgress(stage, step + 1, steps)
        {
            Mask = mask,
            Picture = run.WantsPreviews ? Preview(shown, latent, run) : null,
        });

    private static Picture Preview(DiffusionModel shown, Func<Tensor> latent, TaskRun run)
    {
        using Tensor guess = latent();
        using Tensor unit = shown.Pictures.Pictures(guess, run.Cancellation);
        return PictureTensors.ToPicture(unit);
    }
}
