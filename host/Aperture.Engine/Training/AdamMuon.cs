using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// Two optimizers side by side: Muon (momentum made orthogonal by five Newton-Schulz steps) for chosen matrices, AdamW for everything else. Owns its state, borrows the parameters.
/// </summary>
internal sealed class AdamMuon : IDisposable
{
    private const double Beta1 = 0.9, Beta2 = 0.98, Epsilon = 1e-8, AdamDecay = 0.02, MuonMomentum = 0.95, MuonDecay = 0.05, LargestGradient = 1;

    private readonly SortedDictionary<string, Tensor> _state = new(StringComparer.Ordinal);
    private readonly List<(string Name, Tensor Parameter, double Scale)> _adam = [];
    private readonly List<List<(string Name, Tensor Parameter, double Scale)>> _muon = [];
    private readonly ScalarType _orthogonal;

    /// <param name="trained">Parameters to train; borrowed.</param>
    /// <param name="muon">Which of them Muon trains.</param>
    /// <param name="scale">Factor on the rate of a parameter.</param>
    /// <param name="orthogonal">Element type of the Newton-Schulz steps.</param>
    public AdamMuon(IReadOnlyDictionary<string, Tensor> trained, Func<string, bool> muon, Func<string, double> scale, ScalarType orthogonal)
    {
        _orthogonal = orthogonal;
        Dictionary<string, List<(string, Tensor, double)>> byShape = [];
        foreach ((string name, Tensor parameter) in trained)
        {
            if (muon(name))
            {
                string shape = string.Join('x', parameter.shape);
                if (!byShape.TryGetValue(shape, out List<(string, Tensor, double)>? group))
                {
                    byShape[shape] = group = [];
                    _muon.Add(group);
                }

                group.Add((name, parameter, scale(name)));
                _state["muon." + name] = zeros_like(parameter, requires_grad: false);
            }
            else
            {
                _adam.Add((name, parameter, scale(name)));
                _state["first." + name] = zeros_like(parameter, requires_grad: false);
                _state["second." + name] = zeros_like(parameter, requires_grad: false);
            }
        }
    }

    /// <summary>Steps done; part of the state.</summary>
    public int Steps { get; set; }

    /// <summary>The state by name, for checkpoints.</summary>
    public IReadOnlyDictionary<string, Tensor> State => _state;

    /// <summary>Changes the parameters by their gradients and clears these.</summary>
    /// <param name="adamRate">Rate of AdamW.</param>
    /// <param name="muonRate">Rate of Muon.</param>
    public void Step(double adamRate, double muonRate)
    {
        using IDisposable quiet = no_grad();
        Steps++;
        StepAdam(adamRate);
        foreach (List<(string Name, Tensor Parameter, double Scale)> group in _muon)
        {
            StepMuon(group, muonRate);
        }
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _state.Values)
        {
            tensor.Dispose();
        }
    }

    private void StepAdam(double rate)
    {
        using DisposeScope scope = NewDisposeScope();
        List<(int Index, Tensor Gradient)> gradients = [];
        for (int i = 0; i < _adam.Count; i++)
        {
            if (_adam[i].Parameter.grad is { } gradient)
            {
                gradients.Add((i, gradient));
            }
        }

        if (gradients.Count == 0)
        {
            return;
        }

        Tensor norms = stack([.. gradients.Select(g => g.Gradient.norm())]);
        double norm = norms.norm().item<float>();
        double clip = norm > LargestGradient ? LargestGradient / norm : 1;
        double correction = Math.Sqrt(1 - Math.Pow(Beta2, Steps)) / (1 - Math.Pow(Beta1, Steps));
        foreach ((int index, Tensor gradient) in gradients)
        {
            (string name, Tensor parameter, double scale) = _adam[index];
            Tensor first = _state["first." + name], second = _state["second." + name];
            first.mul_(Beta1).add_(gradient, alpha: (1 - Beta1) * clip);
            second.mul_(Beta2).addcmul_(gradient, gradient, value: (1 - Beta2) * clip * clip);
            if (parameter.dim() > 1)
            {
                parameter.mul_(1 - (rate * AdamDecay));
            }

            parameter.addcdiv_(first, second.sqrt().add_(Epsilon), value: -rate * scale * correction);
            gradient.zero_();
        }
    }

    private void StepMuon(List<(string Name, Tensor Parameter, double Scale)> group, double rate)
    {
        using DisposeScope scope = NewDisposeScope();
        List<Tensor> updates = [];
        foreach ((string name, Tensor parameter, _) in group)
        {
            Tensor gradient = parameter.grad ?? throw new InvalidOperationException($"{name} has no gradient.");
            Tensor momentum = _state["muon." + name];
            momentum.mul_(MuonMomentum).add_(gradient, alpha: 1 - MuonMomentum);
            updates.Add(gradient.mul(1 - MuonMomentum).add_(momentum, alpha: MuonMomentum)); // Nesterov
            gradient.zero_();
        }

        Tensor orthogonal = Orthogonalise(stack(updates).to_type(_orthogonal)).to_type(ScalarType.Float32);
        double rows = group[0].Parameter.size(0), columns = group[0].Parameter.size(1);
        double step = rate * Math.Sqrt(Math.Max(1, rows / columns));
        for (int i = 0; i < group.Count; i++)
        {
            (_, Tensor parameter, double scale) = group[i];
            parameter.mul_(1 - (rate * scale * MuonDecay)).add_(orthogonal.select(0, i), alpha: -step * scale);
        }
    }

    // Newton-Schulz: drives all singular values of [n, rows, columns] towards 1 (Jordan et al. 2024, the quintic's coefficients).
    private static Tensor Orthogonalise(Tensor x)
    {
        bool tall = x.size(1) > x.size(2);
        x = tall ? x.transpose(1, 2) : x;
        x = x.div(x.pow(2).sum([1, 2], keepdim: true).sqrt().add(1e-7));
        for (int i = 0; i < 5; i++)
        {
            Tensor a = x.matmul(x.transpose(1, 2));
            Tensor b = a.mul(-4.7750).add_(a.matmul(a), alpha: 2.0315);
            x = x.mul(3.4445).add_(b.matmul(x));
        }

        return tall ? x.transpose(1, 2) : x;
    }
}
