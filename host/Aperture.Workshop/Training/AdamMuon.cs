using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>
/// Two optimizers side by side: Muon (momentum made orthogonal by five Newton-Schulz steps) for chosen matrices, AdamW for everything else. Owns its state,
/// borrows the parameters.
/// </summary>
internal sealed class AdamMuon : IOptimizer
{
    private const double MuonMomentum = 0.95, MuonDecay = 0.05;

    private readonly SortedDictionary<string, Tensor> _state = new(StringComparer.Ordinal);
    private readonly AdamW _adam;
    private readonly List<List<(string Name, Tensor Parameter, double Scale)>> _muon = [];
    private readonly double _muonRate;
    private readonly ScalarType _orthogonal;

    /// <param name="trained">Parameters to train; borrowed.</param>
    /// <param name="muon">Which of them Muon trains.</param>
    /// <param name="scale">Factor on the rate of a parameter.</param>
    /// <param name="settings">Constants of AdamW.</param>
    /// <param name="muonRate">Muon's rate as a multiple of AdamW's.</param>
    /// <param name="orthogonal">Element type of the Newton-Schulz steps.</param>
    public AdamMuon(
        IReadOnlyDictionary<string, Tensor> trained, Func<string, bool> muon, Func<string, double> scale,
        AdamSettings settings, double muonRate, ScalarType orthogonal)
    {
        _muonRate = muonRate;
        _orthogonal = orthogonal;
        Dictionary<string, List<(string, Tensor, double)>> byShape = [];
        _adam = new AdamW(trained.Where(pair => !muon(pair.Key)), scale, settings);
        foreach ((string name, Tensor tensor) in _adam.State)
        {
            _state[name] = tensor;
        }

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
                _state["muon." + name] = zeros_like(parameter, requires_grad: false).DetachFromDisposeScope();
            }
        }
    }

    /// <inheritdoc />
    public IReadOnlyDictionary<string, Tensor> State => _state;

    /// <inheritdoc />
    public void Step(double rate)
    {
        using IDisposable quiet = no_grad();
        _adam.Step(rate);
        foreach (List<(string Name, Tensor Parameter, double Scale)> group in _muon)
        {
            StepMuon(group, rate * _muonRate);
        }
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _state.Values)
        {
            tensor.Dispose();
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
