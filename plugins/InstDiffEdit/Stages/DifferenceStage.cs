using Aperture.Diffusion;
using Aperture.Plugins.InstDiffEdit.Masks;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Stages;

/// <summary>
/// DiffEdit's mask (arXiv 2210.11427) as InstDiffEdit's authors compute it: from every noise the whole way under both sentences, and the distance of the last
/// predictions.
/// </summary>
/// <param name="model">The model; borrowed.</param>
/// <param name="plan">Numbers.</param>
/// <param name="options">Options.</param>
/// <param name="run">When to stop, and who listens.</param>
internal sealed class DifferenceStage(DiffusionModel model, EditPlan plan, EditorOptions options, TaskRun run)
{
    /// <summary>Told each sample that is done; null for nobody.</summary>
    public Action<int, int>? Progress { get; init; }

    /// <summary>Passes of the UNet.</summary>
    public long UNetPasses { get; private set; }

    /// <summary>Finds the grey map.</summary>
    /// <param name="clean">The picture's latent, scaled, <c>[1, C, H, W]</c>; borrowed.</param>
    /// <param name="noise">Noise of each sample, <c>[samples, C, H, W]</c>; borrowed.</param>
    /// <param name="source">The sentence that fits the picture.</param>
    /// <returns>Bytes <c>[H, W]</c>.</returns>
    public byte[] Run(Tensor clean, Tensor noise, string source)
    {
        using DisposeScope scope = NewDisposeScope();
        using GuidedDenoiser before = Sentences.Guide(model, source, 1, plan.Guidance, rounded: false, run.Cancellation);
        using GuidedDenoiser after = Sentences.Guide(model, plan.Prompt, 1, plan.Guidance, rounded: false, run.Cancellation);
        int samples = (int)noise.size(0);
        Tensor sum = zeros([clean.size(2), clean.size(3)], dtype: ScalarType.Float32);
        for (int sample = 0; sample < samples; sample++)
        {
            using Tensor own = noise.narrow(0, sample, 1);
            using Tensor first = Predicted(clean, own, before, $"noise_pred_source.{sample}");
            using Tensor second = Predicted(clean, own, after, $"noise_pred_target.{sample}");
            using Tensor difference = first.sub(second);
            using Tensor distance = difference.pow(2).sum(1).squeeze(0).sqrt().cpu(); // [1, C, H, W] -> [H, W]
            sum.add_(distance);
            Progress?.Invoke(sample + 1, samples);
        }

        run.Count("mask UNet", before.Flops + after.Flops);
        UNetPasses = before.Passes + after.Passes;
        return DifferenceMask.Grey(sum.div(samples).data<float>().ToArray());
    }

    private Tensor Predicted(Tensor clean, Tensor noise, GuidedDenoiser denoiser, string name)
    {
        (Tensor latent, Tensor predicted) = new PlainStage(model, plan, options, run).Run("mask", clean, noise, denoiser);
        latent.Dispose();
        run.Value(name, predicted);
        return predicted;
    }
}
