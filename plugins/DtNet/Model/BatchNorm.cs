using Aperture.Decoding;
using Aperture.Weights;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>Batch norm over a single channel, with running statistics that training moves.</summary>
internal sealed class BatchNorm : IDisposable
{
    private readonly Tensor _gain, _bias, _mean, _variance;
    private readonly string _name;
    private readonly CaptionConfig _config;

    /// <summary>Loads the norm.</summary>
    /// <param name="loader">Loads and owns gain, bias and statistics.</param>
    /// <param name="source">The checkpoint, for the number of batches seen.</param>
    /// <param name="name">Published name without a dot.</param>
    /// <param name="config">Constants.</param>
    public BatchNorm(WeightLoader loader, IWeightSource source, string name, CaptionConfig config)
    {
        (_name, _config) = (name, config);
        _gain = loader.Tensor(name + ".weight", 1);
        _bias = loader.Tensor(name + ".bias", 1);
        _mean = loader.Tensor(name + ".running_mean", 1);
        _variance = loader.Tensor(name + ".running_var", 1);
        string seen = name + ".num_batches_tracked";
        Seen = (source.Contains(seen) ? source.LoadCopy(seen, ScalarType.Int64) : zeros([], dtype: ScalarType.Int64)).DetachFromDisposeScope();
    }

    /// <summary>Batches whose statistics were taken in, int64 scalar.</summary>
    public Tensor Seen { get; }

    /// <summary>What a step of training changes besides parameters, by published name.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> State
        => [(_name + ".running_mean", _mean), (_name + ".running_var", _variance), (_name + ".num_batches_tracked", Seen)];

    /// <summary>Normalises.</summary>
    /// <param name="x"><c>[B, 1, H, W]</c>; borrowed.</param>
    /// <param name="training">How to train: the batch's statistics count, and the running ones follow; null outside training.</param>
    /// <returns>In the caller's dispose scope.</returns>
    public Tensor Run(Tensor x, Regularisation? training)
    {
        if (training is not null)
        {
            using IDisposable quiet = no_grad();
            Seen.add_(1);
        }

        return F.batch_norm(x, _mean, _variance, _gain, _bias, training is not null, _config.BatchMomentum, _config.BatchEpsilon);
    }

    /// <summary>The norm with its running statistics as factor and offset, <c>[1]</c> each, in the caller's dispose scope.</summary>
    public (Tensor Factor, Tensor Offset) Folded()
    {
        Tensor factor = _gain.div(_variance.add(_config.BatchEpsilon).sqrt());
        return (factor, _bias.sub(_mean.mul(factor)));
    }

    /// <summary>Disposes what the loader does not own.</summary>
    public void Dispose() => Seen.Dispose();
}
