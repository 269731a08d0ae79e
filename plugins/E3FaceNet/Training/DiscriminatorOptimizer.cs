using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>Adam without momentum for the discriminator, which the generator's optimizer knows nothing of. Owns its means.</summary>
internal sealed class DiscriminatorOptimizer : IDisposable
{
    private const double Epsilon = 1e-8, Largest = 1e5;

    private readonly (string Name, Tensor Parameter, Tensor Squares)[] _parameters;

    public DiscriminatorOptimizer(FaceDiscriminator judge)
        => _parameters =
        [
            .. judge.Tensors.Where(pair => pair.Value.dim() > 0).Select(
                pair => (pair.Key, pair.Value, zeros_like(pair.Value).DetachFromDisposeScope())),
        ];

    /// <summary>The means of squared gradients by parameter. Borrowed.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Squares => _parameters.Select(entry => (entry.Name, entry.Squares));

    /// <summary>Says whether gradients are followed to the parameters.</summary>
    public void Follow(bool wanted) => Array.ForEach(_parameters, entry => entry.Parameter.requires_grad_(wanted));

    /// <summary>Changes the parameters.</summary>
    /// <param name="loss">A scalar with gradients.</param>
    /// <param name="step">The step, from 0.</param>
    /// <param name="rate">Learning rate.</param>
    /// <param name="beta">Decay of squared gradients.</param>
    public void Step(Tensor loss, int step, double rate, double beta)
    {
        using DisposeScope scope = NewDisposeScope();
        IList<Tensor> gradients = autograd.grad([loss], [.. _parameters.Select(entry => entry.Parameter)]);
        using IDisposable quiet = no_grad();
        double correction = 1 - Math.Pow(beta, step + 1);
        for (int index = 0; index < _parameters.Length; index++)
        {
            (_, Tensor parameter, Tensor squares) = _parameters[index];
            Tensor gradient = gradients[index].nan_to_num(0, Largest, -Largest);
            squares.mul_(beta).add_(gradient.square().mul(1 - beta));
            parameter.sub_(gradient.div(squares.div(correction).sqrt().add(Epsilon)).mul(rate));
        }
    }

    /// <summary>Disposes the means.</summary>
    public void Dispose() => Array.ForEach(_parameters, entry => entry.Squares.Dispose());
}
