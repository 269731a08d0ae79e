using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>
/// The pseudo linear multistep rule of PNDM (arXiv 2202.09778), after Runge-Kutta steps where the schedule asks for them (diffusers' PNDMScheduler). A run goes
/// from the first step on.
/// </summary>
public sealed class PndmScheduler : DiffusionScheduler
{
    private const int Order = 4;

    private readonly KeptSignal _kept;
    private readonly int _stride, _rungeKutta;
    private readonly List<Tensor> _outputs = []; // the newest first
    private Tensor? _sum, _from; // Runge-Kutta's weighted sum, and the sample that a pair or four of steps begins with

    /// <summary>A run.</summary>
    /// <param name="schedule">The model's noise.</param>
    /// <param name="steps">Steps of the whole way; the model is asked more often.</param>
    /// <exception cref="ApertureException">The number of steps is too small for the rule, or above the schedule's.</exception>
    public PndmScheduler(NoiseSchedule schedule, int steps)
        : base(TimesOf(schedule, steps, out int rungeKutta))
    {
        (_kept, _stride, _rungeKutta) = (new KeptSignal(schedule), schedule.Steps / steps, rungeKutta);
    }

    /// <inheritdoc/>
    public override Tensor AddNoise(Tensor clean, Tensor noise, int step) => _kept.AddNoise(clean, noise, (int)Times[step]);

    /// <inheritdoc/>
    public override Tensor Clean(Tensor sample, Tensor noise, int step) => _kept.Clean(sample, noise, (int)Times[step]);

    /// <inheritdoc/>
    public override Tensor Step(Tensor sample, Tensor noise, int step)
    {
        using DisposeScope scope = NewDisposeScope();
        return (step < _rungeKutta ? RungeKutta(sample, noise, step) : Multistep(sample, noise, step)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void Narrow(Func<Tensor, Tensor> part)
        => throw new NotSupportedException("PNDM goes over whole samples.");

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _outputs.ForEach(output => output.Dispose());
        _outputs.Clear();
        _sum?.Dispose();
        _from?.Dispose();
        base.Dispose(disposing);
    }

    private Tensor RungeKutta(Tensor sample, Tensor noise, int step)
    {
        int within = step % Order, time = (int)Times[step / Order * Order];
        if (within == 0)
        {
            Remember(noise);
            Begin(sample);
        }

        Tensor previous = _sum ?? zeros_like(noise);
        Tensor output = within == Order - 1 ? previous.add(noise.div(6)) : noise;
        Tensor? sum = within == Order - 1 ? null : previous.add(noise.div(within == 0 ? 6 : 3)).DetachFromDisposeScope();
        int before = (int)Times[step] - (step % 2 == 0 ? _stride / 2 : 0);
        Tensor next = Move(_from!, output, time, before);
        _sum?.Dispose();
        _sum = sum;
        return next;
    }

    private Tensor Multistep(Tensor sample, Tensor noise, int step)
    {
        int time = (int)Times[step], before = time - _stride;
        if (step == 1 && _rungeKutta == 0)
        {
            // The second call looks at the first step's end and takes that step again with the mean of both.
            (time, before) = (time + _stride, time);
            return Move(_from!, noise.add(_outputs[0]).div(2), time, before);
        }

        Remember(noise);
        if (_outputs.Count == 1)
        {
            Begin(sample);
        }

        return Move(sample, Combined(), time, before);
    }

    private Tensor Combined() => _outputs.Count switch
    {
        1 => _outputs[0],
        2 => _outputs[0].mul(3).sub(_outputs[1]).div(2),
        3 => _outputs[0].mul(23).sub(_outputs[1].mul(16)).add(_outputs[2].mul(5)).div(12),
        _ => _outputs[0].mul(55).sub(_outputs[1].mul(59)).add(_outputs[2].mul(37)).sub(_outputs[3].mul(9)).div(24),
    };

    // The transfer from one time to another under predicted noise (equation 11).
    private Tensor Move(Tensor sample, Tensor noise, int time, int before)
    {
        float now = _kept.At(time), next = _kept.At(before);
        float denominator = (now * MathF.Sqrt(1 - next)) + MathF.Sqrt(now * (1 - now) * next);
        return sample.mul(MathF.Sqrt(next / now)).sub(noise.mul((next - now) / denominator));
    }

    private void Remember(Tensor output)
    {
        _outputs.Insert(0, output.clone().DetachFromDisposeScope());
        if (_outputs.Count > Order)
        {
            _outputs[^1].Dispose();
            _outputs.RemoveAt(Order);
        }
    }

    private void Begin(Tensor sample)
    {
        _from?.Dispose();
        _from = sample.clone().DetachFromDisposeScope();
    }

    private static double[] TimesOf(NoiseSchedule schedule, int steps, out int rungeKutta)
    {
        double[] times = WholeTimes.Of(schedule, steps); // the last first
        rungeKutta = 0;
        int least = schedule.SkipsRungeKutta ? 2 : Order;
        if (steps < least)
        {
            throw new ApertureException($"PNDM needs {least} steps or more, not {steps}.");
        }

        if (schedule.SkipsRungeKutta)
        {
            return [times[0], times[1], times[1], .. times[2..]];
        }

        // Four calls a step: at its beginning, twice half way, and at its end.
        int half = schedule.Steps / steps / 2;
        double[] pairs = [.. times[..Order].Reverse().SelectMany(time => new[] { time, time + half })];
        double[] calls = [.. pairs[..^1].SelectMany(time => new[] { time, time }).Skip(1).SkipLast(1).Reverse()];
        rungeKutta = calls.Length;
        return [.. calls, .. times[3..]];
    }
}
