using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>
/// The linear multistep rule of order 4 over noise levels (diffusers' LMSDiscreteScheduler). Samples are the clean one plus noise of standard deviation sigma,
/// times are not whole.
/// </summary>
public sealed class LmsScheduler : DiffusionScheduler
{
    private const int Order = 4;

    private readonly bool _exactStart;
    private readonly float[] _sigmas;
    private readonly List<Tensor> _derivatives = []; // the newest first

    /// <summary>A run.</summary>
    /// <param name="schedule">The model's noise.</param>
    /// <param name="steps">Steps of the whole way.</param>
    /// <param name="exactStart">
    /// Whether a run that begins in the middle takes the rule of as many derivatives as it has. Else, as diffusers does, the first steps take the coefficients
    /// of order 4 for the derivatives that there are, which oversteps.
    /// </param>
    /// <exception cref="ApertureException">The number of steps is below 1 or above the schedule's.</exception>
    public LmsScheduler(NoiseSchedule schedule, int steps, bool exactStart = false)
        : base(TimesOf(schedule, steps))
    {
        _exactStart = exactStart;
        InitialScale = schedule.LevelAt(schedule.Steps - 1);
        _sigmas = [.. Times.Select(time => (float)schedule.LevelAt(time)), 0];
    }

    /// <inheritdoc/>
    public override double InitialScale { get; }

    /// <summary>The noise before each step, and last 0, behind all of them.</summary>
    public IReadOnlyList<float> Sigmas => _sigmas;

    /// <inheritdoc/>
    public override Tensor AddNoise(Tensor clean, Tensor noise, int step) => Sum(1, clean, _sigmas[step], noise);

    /// <inheritdoc/>
    public override Tensor ScaleInput(Tensor sample, int step) => sample.div(MathF.Sqrt((_sigmas[step] * _sigmas[step]) + 1));

    /// <inheritdoc/>
    public override Tensor Clean(Tensor sample, Tensor noise, int step) => Sum(1, sample, -_sigmas[step], noise);

    /// <inheritdoc/>
    public override Tensor Step(Tensor sample, Tensor noise, int step)
    {
        using DisposeScope scope = NewDisposeScope();
        _derivatives.Insert(0, sample.sub(Clean(sample, noise, step)).div(_sigmas[step]).DetachFromDisposeScope());
        if (_derivatives.Count > Order)
        {
            _derivatives[^1].Dispose();
            _derivatives.RemoveAt(Order);
        }

        double[] coefficients = Coefficients(step, _exactStart ? Math.Min(_derivatives.Count, step + 1) : step + 1);
        Tensor next = sample;
        for (int j = 0; j < Math.Min(coefficients.Length, _derivatives.Count); j++)
        {
            next = next.add(_derivatives[j].mul(coefficients[j]));
        }

        return next.MoveToOuterDisposeScope();
    }

    /// <summary>What the derivatives of a step are multiplied by: integrals of the polynomials through the noise levels of the last steps.</summary>
    /// <param name="step">The step.</param>
    /// <param name="order">Steps that the rule looks back on; more than 4 is 4.</param>
    /// <returns>The newest first.</returns>
    public double[] Coefficients(int step, int order)
    {
        int count = Math.Min(order, Order);
        double[] nodes = [.. Enumerable.Range(0, count).Select(back => (double)_sigmas[step - back])];
        return [.. Enumerable.Range(0, count).Select(j => Integral(nodes, j, _sigmas[step], _sigmas[step + 1]))];
    }

    /// <inheritdoc/>
    public override void Narrow(Func<Tensor, Tensor> part)
    {
        for (int i = 0; i < _derivatives.Count; i++)
        {
            using Tensor whole = _derivatives[i];
            using Tensor view = part(whole);
            _derivatives[i] = view.clone().DetachFromDisposeScope();
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _derivatives.ForEach(derivative => derivative.Dispose());
        _derivatives.Clear();
        base.Dispose(disposing);
    }

    // The integral from a to b of the polynomial that is 1 at node j and 0 at the others.
    private static double Integral(double[] nodes, int j, double a, double b)
    {
        double[] polynomial = [1];
        for (int k = 0; k < nodes.Length; k++)
        {
            if (k == j)
            {
                continue;
            }

            // times (x - nodes[k]) / (nodes[j] - nodes[k])
            double[] product = new double[polynomial.Length + 1];
            for (int power = 0; power < polynomial.Length; power++)
            {
                product[power] -= polynomial[power] * nodes[k] / (nodes[j] - nodes[k]);
                product[power + 1] += polynomial[power] / (nodes[j] - nodes[k]);
            }

            polynomial = product;
        }

        double integral = 0;
        for (int power = 0; power < polynomial.Length; power++)
        {
            integral += polynomial[power] * (Math.Pow(b, power + 1) - Math.Pow(a, power + 1)) / (power + 1);
        }

        return integral;
    }

    private static double[] TimesOf(NoiseSchedule schedule, int steps)
    {
        CheckSteps(steps, schedule.Steps);
        double last = schedule.Steps - 1;
        return steps == 1 ? [0] : [.. Enumerable.Range(0, steps).Select(step => step == 0 ? last : (steps - 1 - step) * (last / (steps - 1)))];
    }
}
