using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>The implicit rule of DDIM (arXiv 2010.02502, equation 12), with whole times at equal distances (diffusers' DDIMScheduler).</summary>
/// <param name="schedule">The model's noise.</param>
/// <param name="steps">Steps of the whole way.</param>
/// <param name="eta">How much of the noise is drawn afresh: 0 none, 1 as in DDPM.</param>
/// <param name="fresh">Gives standard normal numbers like a sample for a step, owned by the rule; needed where <paramref name="eta"/> is above 0.</param>
/// <exception cref="ApertureException">The number of steps is below 1 or above the schedule's.</exception>
public sealed class DdimScheduler(NoiseSchedule schedule, int steps, double eta = 0, Func<int, Tensor, Tensor>? fresh = null)
    : DiffusionScheduler(WholeTimes.Of(schedule, steps))
{
    private readonly KeptSignal _kept = new(schedule);
    private readonly int _stride = schedule.Steps / steps;

    /// <inheritdoc/>
    public override Tensor AddNoise(Tensor clean, Tensor noise, int step) => _kept.AddNoise(clean, noise, (int)Times[step]);

    /// <inheritdoc/>
    public override Tensor Clean(Tensor sample, Tensor noise, int step)
    {
        Tensor clean = _kept.Clean(sample, noise, (int)Times[step]);
        return schedule.ClipsSample ? clean.clamp_(-1, 1) : clean;
    }

    /// <inheritdoc/>
    public override Tensor Step(Tensor sample, Tensor noise, int step)
    {
        using DisposeScope scope = NewDisposeScope();
        int time = (int)Times[step];
        float now = _kept.At(time), next = _kept.At(time - _stride);
        float variance = (1 - next) / (1 - now) * (1 - (now / next));
        double deviation = eta * MathF.Sqrt(variance);
        Tensor previous = Sum(MathF.Sqrt(next), Clean(sample, noise, step), Math.Sqrt(1 - next - (deviation * deviation)), noise);
        if (eta > 0)
        {
            Func<int, Tensor, Tensor> draw = fresh ?? throw new InvalidOperationException("A rule that draws noise needs somebody who draws it.");
            previous = Sum(1, previous, deviation, draw(step, sample));
        }

        return previous.MoveToOuterDisposeScope();
    }
}
