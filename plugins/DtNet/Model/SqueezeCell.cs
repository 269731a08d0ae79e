using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>The channel space's attention cell (CAC): weighs the channels by what their means over the picture say.</summary>
internal sealed class SqueezeCell
{
    private readonly Tensor _down, _up;
    private readonly LayerNormWeights _norm;
    private readonly double _epsilon;

    /// <summary>Loads the cell.</summary>
    /// <param name="loader">Loads and owns the weights.</param>
    /// <param name="name">Published name with its dot: <c>….channelmultibranch.</c>.</param>
    /// <param name="config">Sizes.</param>
    public SqueezeCell(WeightLoader loader, string name, CaptionConfig config)
    {
        _down = loader.Tensor(name + "se.se.fc.0.weight", config.Squeezed, config.Width);
        _up = loader.Tensor(name + "se.se.fc.2.weight", config.Width, config.Squeezed);
        _norm = loader.Norm(name + "lnorm3", config.Width);
        _epsilon = config.NormEpsilon;
    }

    /// <summary><c>LN(y + drop(y sigmoid(W2 relu(W1 mean(y)))))</c>.</summary>
    /// <param name="y"><c>[B, N, d]</c>; borrowed.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="weighed">Gets the weighed rows before residual and norm, borrowed; null for nobody.</param>
    /// <returns><c>[B, N, d]</c>, in the caller's dispose scope.</returns>
    public Tensor Run(Tensor y, Regularisation? training, Action<Tensor>? weighed)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor squeezed = F.linear(F.linear(y.mean([1L], keepdim: true), _down).relu(), _up).sigmoid(); // [B, N, d] -> [B, 1, d]
        Tensor product = y.mul(squeezed);
        weighed?.Invoke(product);
        return _norm.Run(y.add(training.Drop(product)), _epsilon).MoveToOuterDisposeScope();
    }
}
