using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>Exponential means of parameters over the steps of a training, which start as they do. Owns them.</summary>
public sealed class MovingMeans : IDisposable
{
    private readonly IReadOnlyDictionary<string, Tensor> _parameters;
    private readonly Dictionary<string, Tensor> _means;
    private readonly Tensor _updates = zeros(1, dtype: ScalarType.Int64).DetachFromDisposeScope();
    private readonly double _decay;
    private readonly bool _rises;

    /// <summary>Starts with the parameters as they are.</summary>
    /// <param name="parameters">What is followed; borrowed.</param>
    /// <param name="decay">The share that is kept in an update.</param>
    /// <param name="rises">
    /// Whether means follow fast at first: of update k, counted from 0, the share kept is <c>min(decay, (k + 1) / (k + 10))</c>; else it is always the same.
    /// </param>
    public MovingMeans(IReadOnlyDictionary<string, Tensor> parameters, double decay, bool rises = true)
    {
        (_parameters, _decay, _rises) = (parameters, decay, rises);
        _means = parameters.ToDictionary(pair => pair.Key, pair => Copy(pair.Value), StringComparer.Ordinal);
        State = _means.Select(pair => KeyValuePair.Create("mean." + pair.Key, pair.Value)).Append(new("mean updates", _updates))
            .ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
    }

    /// <summary>The means by name.</summary>
    public IReadOnlyDictionary<string, Tensor> Means => _means;

    /// <summary>What a continued run needs: the means and how often they were updated.</summary>
    public IReadOnlyDictionary<string, Tensor> State { get; }

    /// <summary>Follows the parameters after steps of the optimizer; what was followed already is not followed again.</summary>
    /// <param name="steps">Steps that were done.</param>
    public void Follow(int steps)
    {
        using IDisposable quiet = no_grad();
        long done = _updates.item<long>();
        if (done >= steps)
        {
            return;
        }

        double kept = _rises ? Math.Min(_decay, (done + 1.0) / (done + 10.0)) : _decay;
        foreach ((string name, Tensor mean) in _means)
        {
            mean.mul_(kept).add_(_parameters[name], alpha: 1 - kept);
        }

        _updates.fill_(done + 1);
    }

    /// <summary>Disposes the means.</summary>
    public void Dispose()
    {
        foreach (Tensor mean in _means.Values)
        {
            mean.Dispose();
        }

        _updates.Dispose();
    }

    private static Tensor Copy(Tensor parameter)
    {
        using Tensor detached = parameter.detach();
        return detached.clone().DetachFromDisposeScope();
    }
}
