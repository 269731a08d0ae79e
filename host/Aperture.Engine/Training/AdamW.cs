using Aperture.Measuring;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// AdamW (Loshchilov and Hutter 2019) with a limit on the norm of all gradients together. A parameter that had no part in a step stays as it is and counts no
/// step.
/// Owns its state, borrows the parameters.
/// </summary>
internal sealed class AdamW : IOptimizer
{
    private readonly SortedDictionary<string, Tensor> _state = new(StringComparer.Ordinal);
    private readonly List<(string Name, Tensor Parameter, double Scale)> _parameters = [];
    private readonly AdamSettings _settings;

    /// <param name="parameters">What is trained; borrowed.</param>
    /// <param name="scale">Factor on the rate of a parameter.</param>
    /// <param name="settings">Its constants.</param>
    public AdamW(IEnumerable<KeyValuePair<string, Tensor>> parameters, Func<string, double> scale, AdamSettings settings)
    {
        _settings = settings;
        foreach ((string name, Tensor parameter) in parameters)
        {
            _parameters.Add((name, parameter, scale(name)));
            _state["first." + name] = zeros_like(parameter, requires_grad: false).DetachFromDisposeScope();
            _state["second." + name] = zeros_like(parameter, requires_grad: false).DetachFromDisposeScope();
            _state["steps." + name] = zeros(1, dtype: ScalarType.Int64).DetachFromDisposeScope();
        }
    }

    /// <summary>The state by name, for checkpoints: means of gradients and of their squares, and the steps that each parameter took part in.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _state;

    /// <inheritdoc />
    public void Step(double rate)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        List<(int Index, Tensor Gradient)> gradients = [];
        for (int i = 0; i < _parameters.Count; i++)
        {
            if (_parameters[i].Parameter.grad is { } gradient)
            {
                gradients.Add((i, gradient));
            }
        }

        if (gradients.Count == 0)
        {
            return;
        }

        double clip = Clip(gradients);
        foreach ((int index, Tensor gradient) in gradients)
        {
            (string name, Tensor parameter, double scale) = _parameters[index];
            Tensor first = _state["first." + name], second = _state["second." + name];
            long steps = _state["steps." + name].add_(1).item<long>();
            double firstCorrection = 1 - Math.Pow(_settings.Beta1, steps), secondCorrection = Math.Sqrt(1 - Math.Pow(_settings.Beta2, steps));
            first.mul_(_settings.Beta1).add_(gradient, alpha: (1 - _settings.Beta1) * clip);
            second.mul_(_settings.Beta2).addcmul_(gradient, gradient, value: (1 - _settings.Beta2) * clip * clip);
            if (_settings.WeightDecay > 0 && parameter.dim() > 1)
            {
                parameter.mul_(1 - (rate * scale * _settings.WeightDecay));
            }

            using Tensor root = second.sqrt();
            parameter.addcdiv_(first, root.div_(secondCorrection).add_(_settings.Epsilon), value: -rate * scale / firstCorrection);
            parameter.grad = null; // not zero: a parameter without a part in the next step must not move
        }
    }

    /// <summary>Disposes the state.</summary>
    public void Dispose()
    {
        foreach (Tensor tensor in _state.Values)
        {
            tensor.Dispose();
        }
    }

    private double Clip(List<(int Index, Tensor Gradient)> gradients)
    {
        if (_settings.LargestGradient <= 0)
        {
            return 1;
        }

        using Tensor norms = stack([.. gradients.Select(g => g.Gradient.norm())]);
        using Tensor all = norms.norm();
        double norm = all.item<float>();
        return norm > _settings.LargestGradient ? _settings.LargestGradient / norm : 1;
    }
}

/// <summary>The constants of <see cref="AdamW"/>.</summary>
/// <param name="Beta1">Decay of the mean of gradients.</param>
/// <param name="Beta2">Decay of the mean of squared gradients.</param>
/// <param name="Epsilon">What keeps the quotient finite.</param>
/// <param name="WeightDecay">Decay of parameters of two or more dimensions.</param>
/// <param name="LargestGradient">Limit on the norm of all gradients together; 0 for none.</param>
internal readonly record struct AdamSettings(double Beta1, double Beta2, double Epsilon, double WeightDecay, double LargestGradient)
{
    /// <summary>A plan's.</summary>
    public static AdamSettings Of(TrainingPlan plan) => new(plan.Beta1, plan.Beta2, plan.Epsilon, plan.WeightDecay, plan.LargestGradient);
}
