using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>
/// Takes a noisy sample step by step to a clean one. It remembers steps, so that each run needs one of its own. Steps are numbered from 0, the noisiest first.
/// Owns what it remembers.
/// </summary>
public abstract class DiffusionScheduler : IDisposable
{
    private protected DiffusionScheduler(IReadOnlyList<double> times) => Times = times;

    /// <summary>The time of each step, which the model is told.</summary>
    public IReadOnlyList<double> Times { get; }

    /// <summary>Standard deviation of the noise that a run from pure noise begins with.</summary>
    public virtual double InitialScale => 1;

    /// <summary>A clean sample with noise, as it is before a step.</summary>
    /// <param name="clean">The sample; borrowed.</param>
    /// <param name="noise">Standard normal numbers of the same shape; borrowed.</param>
    /// <param name="step">The step.</param>
    /// <returns>The noisy sample; the caller disposes it.</returns>
    public abstract Tensor AddNoise(Tensor clean, Tensor noise, int step);

    /// <summary>What the model is given for a sample.</summary>
    /// <param name="sample">The sample before the step; borrowed.</param>
    /// <param name="step">The step.</param>
    /// <returns>A tensor of its own; the caller disposes it.</returns>
    public virtual Tensor ScaleInput(Tensor sample, int step) => sample.alias();

    /// <summary>The clean sample that the predicted noise means.</summary>
    /// <param name="sample">The sample before the step; borrowed.</param>
    /// <param name="noise">The noise that the model predicts; borrowed.</param>
    /// <param name="step">The step.</param>
    /// <returns>The sample; the caller disposes it.</returns>
    public abstract Tensor Clean(Tensor sample, Tensor noise, int step);

    /// <summary>Goes one step. Steps are taken in order, from any first one.</summary>
    /// <param name="sample">The sample before the step; borrowed.</param>
    /// <param name="noise">The noise that the model predicts; borrowed.</param>
    /// <param name="step">The step.</param>
    /// <returns>The sample after it; the caller disposes it.</returns>
    public abstract Tensor Step(Tensor sample, Tensor noise, int step);

    /// <summary>Limits what is remembered to a part of the samples: later steps are given that part alone.</summary>
    /// <param name="part">Cuts a remembered tensor; gives a view.</param>
    public virtual void Narrow(Func<Tensor, Tensor> part)
    {
    }

    /// <summary>Disposes what it remembers.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Disposes what it remembers.</summary>
    /// <param name="disposing">Always true.</param>
    protected virtual void Dispose(bool disposing)
    {
    }

    private protected static void CheckSteps(int steps, int most)
    {
        if (steps < 1 || steps > most)
        {
            throw new ApertureException($"A schedule of {steps} steps is not possible; give 1 to {most}.");
        }
    }

    /// <summary><c>a x + b y</c>; the caller disposes it.</summary>
    private protected static Tensor Sum(double a, Tensor x, double b, Tensor y)
    {
        using DisposeScope scope = NewDisposeScope();
        return x.mul(a).add(y.mul(b)).MoveToOuterDisposeScope();
    }
}
