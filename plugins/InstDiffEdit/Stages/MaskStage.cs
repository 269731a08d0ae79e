using Aperture.Diffusion;
using Aperture.Plugins.InstDiffEdit.Masks;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Stages;

/// <summary>
/// Denoises the noised picture under the sentence; each step's attention gives the mask, outside of which the original is put back (algorithm 1 of the paper).
/// </summary>
/// <param name="model">The model; borrowed.</param>
/// <param name="plan">Numbers.</param>
/// <param name="options">Options.</param>
/// <param name="run">When to stop, and who listens.</param>
internal sealed class MaskStage(DiffusionModel model, EditPlan plan, EditorOptions options, TaskRun run)
{
    private const string Stage = "mask";

    /// <summary>Told each step that is done, from 0, with its mask and the picture that its first sample stands for; null for nobody.</summary>
    public Action<int, byte[], Func<Tensor>>? Progress { get; init; }

    /// <summary>Masks to paste with instead of those that are found, by step from 0; null for none.</summary>
    public Func<int, byte[]?>? Given { get; init; }

    /// <summary>Runs the stage.</summary>
    /// <param name="clean">The picture's latent, scaled, <c>[1, C, H, W]</c>; borrowed.</param>
    /// <param name="noise">Noise of each sample, <c>[samples, C, H, W]</c>; borrowed.</param>
    /// <param name="denoiser">The UNet, guided by the sentence; borrowed.</param>
    /// <returns>The last mask and the samples; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The UNet has no attention on maps of the size asked for.</exception>
    public MaskStageResult Run(Tensor clean, Tensor noise, GuidedDenoiser denoiser)
    {
        using DisposeScope scope = NewDisposeScope();
        (int height, int width) = ((int)clean.size(2), (int)clean.size(3));
        int shrink = Shrink(height, width);
        WordGroups groups = WordGroups.Of(Sentences.Tokens(model, plan.Prompt), plan.Prompt);
        if (!groups.Matched)
        {
            run.Progress?.Report(new TaskProgress("words do not match the tokens; each token is a word", 0, plan.Steps - plan.First));
        }

        MaskFinder finder = new(groups.Groups, options);
        SettledMask settled = new(options.SettledIoU, options.SettledSteps);
        using DiffusionScheduler scheduler = options.MaskScheduler == EditorOptions.Ddim
            ? new DdimScheduler(model.Schedule, plan.Steps)
            : new LmsScheduler(model.Schedule, plan.Steps, options.LmsWarmup == EditorOptions.Exact);
        using StepAttention attention = new(height / shrink, width / shrink, options.AttentionAverage == EditorOptions.Running, denoiser.FirstWithText);
        LatentRegion region = LatentRegion.Whole(height, width);
        (Tensor original, Tensor own) = (clean, noise); // of the region
        Tensor x = scheduler.AddNoise(clean, noise, plan.First);
        StepMask? found = null;
        byte[] mask = [];
        bool isSettled = false;
        int step = plan.First;
        for (; step < plan.Steps && !(isSettled && options.StopWhenSettled); step++)
        {
            run.Enter(Stage);
            int done = step - plan.First;
            Tensor before = x;
            using Tensor input = scheduler.ScaleInput(before, step);
            using Tensor predicted = denoiser.Run(
                input, scheduler.Times[step], attention.Listen(region.Over(shrink)), (name, value) => run.Value($"{name}.{done}", value), run.Cancellation);
            using Tensor after = scheduler.Step(before, predicted, step);
            run.Value($"after_step.{done}", after);
            found = Find(attention, finder, done, (height, width), shrink);
            mask = Given?.Invoke(done) ?? region.Clipped(found.Mask, width);
            x = Pasted(scheduler, (original, own), after, Mask(mask, region, (height, width)), step, done);
            Tell(scheduler, before, predicted, step, mask, region, clean);
            before.Dispose();
            isSettled = isSettled || settled.Add(mask);
            if (isSettled && region.Height == height && region.Width == width && Smaller(mask, (height, width)) is { } smaller)
            {
                region = smaller;
                scheduler.Narrow(smaller.Of);
                (original, own) = (smaller.Of(clean), smaller.Of(noise));
                using Tensor whole = x;
                using Tensor part = smaller.Of(whole);
                x = part.contiguous();
            }
        }

        // Outside the region the mask is 0, and the samples are the original as it is pasted.
        using Tensor around = Original(scheduler, clean, noise, step - 1);
        Tensor samples = region.Put(around, x);
        return new MaskStageResult(found!, mask, finder.Labels, step - plan.First, region, samples.MoveToOuterDisposeScope());
    }

    // How much smaller the maps are than the latent.
    private int Shrink(int height, int width)
    {
        int shrink = options.MapResolution is { } side ? Math.Min(height, width) / side : 4;
        bool[] attends = [.. model.UNet.Config.DownAttention];
        int[] sizes = [.. Enumerable.Range(0, attends.Length).Where(level => attends[level]).Select(level => Math.Min(height, width) >> level)];
        return shrink > 0
            && sizes.Contains(Math.Min(height, width) / shrink)
            && (options.MapResolution ?? Math.Min(height, width) / 4) == Math.Min(height, width) / shrink
            ? shrink
            : throw new ApertureException(
                $"{EditorFactory.EditorName}: the UNet attends to words on no map of side {options.MapResolution ?? Math.Min(height, width) / 4}; "
                + $"set MapResolution to {string.Join(" or ", sizes)}.");
    }

    private StepMask Find(StepAttention attention, MaskFinder finder, int done, (int Height, int Width) size, int shrink)
    {
        using Tensor maps = attention.Mean();
        run.Value($"maps.{done}", maps);
        StepMask found = finder.Find(maps.data<float>().ToArray(), size.Height / shrink, size.Width / shrink, size.Height, size.Width);
        if (run.Trace is not null)
        {
            Show($"refined.{done}", () => tensor(found.Refined, [size.Height, size.Width]));
            Show($"mask_gray.{done}", () => tensor(found.Grey, [size.Height, size.Width], dtype: ScalarType.Byte));
            Show($"mask.{done}", () => tensor(found.Mask, [size.Height, size.Width], dtype: ScalarType.Byte));
            Show($"word_images.{done}", () => tensor(
                found.Images.SelectMany(image => image).ToArray(), [found.Images.Length, size.Height, size.Width], dtype: ScalarType.Byte));
        }

        return found;
    }

    private void Show(string name, Func<Tensor> make)
    {
        if (run.Wants(name))
        {
            using Tensor value = make();
            run.Value(name, value);
        }
    }

    private static Tensor Mask(byte[] mask, LatentRegion region, (int Height, int Width) size)
    {
        using Tensor whole = PictureTensors.Mask(mask, size.Height, size.Width);
        using Tensor part = region.Of(whole);
        return part.contiguous(); // [1, 1, H, W] -> [1, 1, h, w]
    }

    // original + mask * (sample - original); takes the mask.
    private Tensor Pasted(DiffusionScheduler scheduler, (Tensor Clean, Tensor Noise) on, Tensor after, Tensor mask, int step, int done)
    {
        using DisposeScope scope = NewDisposeScope();
        using Tensor inside = mask;
        Tensor original = Original(scheduler, on.Clean, on.Noise, step);
        run.Value($"original.{done}", original);
        Tensor pasted = original.add(inside.to(after.device).mul(after.sub(original)));
        run.Value($"after_paste.{done}", pasted);
        return pasted.MoveToOuterDisposeScope();
    }

    // The original with the noise of the step's beginning, or of its end.
    private Tensor Original(DiffusionScheduler scheduler, Tensor clean, Tensor noise, int step)
        => options.BlendLevel == EditorOptions.Current ? scheduler.AddNoise(clean, noise, step)
            : step + 1 < plan.Steps ? scheduler.AddNoise(clean, noise, step + 1)
            : clean.expand(noise.size(0), -1, -1, -1).contiguous();

    private LatentRegion? Smaller(byte[] mask, (int Height, int Width) size)
        => options.Region == EditorOptions.All
            && LatentRegion.Around(mask, size.Height, size.Width, options.RegionMargin, model.UNet.Config.Stride) is { } region
            && (region.Height < size.Height || region.Width < size.Width)
                ? region
                : null;

    private void Tell(DiffusionScheduler scheduler, Tensor before, Tensor predicted, int step, byte[] mask, LatentRegion region, Tensor clean)
        => Progress?.Invoke(step - plan.First, mask, () =>
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor sample = scheduler.Clean(before, predicted, step).narrow(0, 0, 1); // the first of the samples
            return region.Put(clean, sample).MoveToOuterDisposeScope();
        });
}

/// <summary>What the mask stage leaves. Owns its samples.</summary>
/// <param name="Found">What the last step found.</param>
/// <param name="Mask">The last mask that was pasted with: 255 inside, in the latent's size.</param>
/// <param name="Labels">What the words were told to be; null for a sentence of one word.</param>
/// <param name="Steps">Steps that ran.</param>
/// <param name="Region">The part that the last step ran on.</param>
/// <param name="Samples">The samples after the last step, <c>[samples, C, H, W]</c>.</param>
internal sealed record MaskStageResult(StepMask Found, byte[] Mask, WordLabels? Labels, int Steps, LatentRegion Region, Tensor Samples) : IDisposable
{
    public void Dispose() => Samples.Dispose();
}
