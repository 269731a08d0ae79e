using Aperture.Diffusion;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Stages;

/// <summary>Denoises the noised picture under a sentence and nothing else: SDEdit (arXiv 2108.01073), and what DiffEdit's mask is made of.</summary>
/// <param name="model">The model; borrowed.</param>
/// <param name="plan">Numbers.</param>
/// <param name="options">Options.</param>
/// <param name="run">When to stop, and who listens.</param>
internal sealed class PlainStage(DiffusionModel model, EditPlan plan, EditorOptions options, TaskRun run)
{
    /// <summary>Told each step that is done, from 0, and the latent that it stands for; null for nobody.</summary>
    public Action<int, Func<Tensor>>? Progress { get; init; }

    /// <summary>Runs the steps.</summary>
    /// <param name="stage">Name of the stage.</param>
    /// <param name="clean">The picture's latent, scaled, <c>[1, C, H, W]</c>; borrowed.</param>
    /// <param name="noise">Noise, <c>[1, C, H, W]</c>; borrowed.</param>
    /// <param name="denoiser">The UNet, guided by a sentence; borrowed.</param>
    /// <returns>The latent, and the noise that the last step predicted under guidance, <c>[1, C, H, W]</c> each; the caller disposes them.</returns>
    public (Tensor Latent, Tensor Noise) Run(string stage, Tensor clean, Tensor noise, GuidedDenoiser denoiser)
    {
        using DisposeScope scope = NewDisposeScope();
        using DiffusionScheduler scheduler = options.MaskScheduler == EditorOptions.Ddim
            ? new DdimScheduler(model.Schedule, plan.Steps)
            : new LmsScheduler(model.Schedule, plan.Steps, options.LmsWarmup == EditorOptions.Exact);
        Tensor x = scheduler.AddNoise(clean, noise, plan.First), predicted = zeros_like(x);
        for (int step = plan.First; step < plan.Steps; step++)
        {
            run.Enter(stage);
            using Tensor before = x, last = predicted;
            using Tensor input = scheduler.ScaleInput(before, step);
            predicted = denoiser.Run(input, scheduler.Times[step], cancellationToken: run.Cancellation);
            x = scheduler.Step(before, predicted, step);
            (int at, Tensor guess) = (step, predicted);
            Progress?.Invoke(step - plan.First, () => scheduler.Clean(before, guess, at));
        }

        return (x.MoveToOuterDisposeScope(), predicted.MoveToOuterDisposeScope());
    }
}
