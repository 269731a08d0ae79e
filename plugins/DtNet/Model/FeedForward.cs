using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>The feed-forward layer with its residual and norm, which the encoder's channel space calls the projection cell (CPC).</summary>
internal sealed class FeedForward
{
    private readonly Matrix _up, _down;
    private readonly LayerNormWeights _norm;
    private readonly double _epsilon;

    /// <summary>Loads the layer.</summary>
    /// <param name="loader">Loads and owns the weights.</param>
    /// <param name="name">Published name with its dot, such as <c>encoder.layers.0.pwff.</c>.</param>
    /// <param name="config">Sizes.</param>
    public FeedForward(WeightLoader loader, string name, CaptionConfig config)
    {
        _up = loader.Linear(name + "fc1", config.Inner, config.Width);
        _down = loader.Linear(name + "fc2", config.Width, config.Inner);
        _norm = loader.Norm(name + "layer_norm", config.Width);
        _epsilon = config.NormEpsilon;
    }

    /// <summary><c>LN(x + drop(W2 drop(relu(W1 x))))</c>.</summary>
    /// <param name="x"><c>[B, N, d]</c>; borrowed.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <returns><c>[B, N, d]</c>, in the caller's dispose scope.</returns>
    public Tensor Run(Tensor x, Regularisation? training)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor inner = training.Drop(_up.Apply(x).relu()); // [B, N, d] -> [B, N, inner]
        return _norm.Run(x.add(training.Drop(_down.Apply(inner))), _epsilon).MoveToOuterDisposeScope(); // [B, N, inner] -> [B, N, d]
    }
}
