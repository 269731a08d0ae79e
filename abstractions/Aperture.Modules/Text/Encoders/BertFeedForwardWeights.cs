using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Text;

/// <summary>
/// A feed-forward sub-layer of BERT, post-norm: <c>LayerNorm(x + dropout(dense(activation(dense(x)))))</c>. Borrowed from the model's weights.
/// </summary>
/// <param name="Up"><c>intermediate.dense</c>.</param>
/// <param name="Down"><c>output.dense</c>.</param>
/// <param name="Norm"><c>output.LayerNorm</c>.</param>
public sealed record BertFeedForwardWeights(Matrix Up, Matrix Down, LayerNormWeights Norm)
{
    /// <summary>Loads the sub-layer.</summary>
    /// <param name="loader">Loads and owns.</param>
    /// <param name="name">Name of the layer with its last dot, such as <c>encoder.layer.0.</c>.</param>
    /// <param name="width">Width d of a row.</param>
    /// <param name="inner">Width between the two matrices.</param>
    public static BertFeedForwardWeights Load(WeightLoader loader, string name, int width, int inner) => new(
        loader.Linear(name + "intermediate.dense", inner, width),
        loader.Linear(name + "output.dense", width, inner),
        loader.Norm(name + "output.LayerNorm", width));

    /// <summary>Both matrices, before the residual and the norm.</summary>
    /// <param name="x">Rows <c>[B, N, d]</c>; borrowed.</param>
    /// <param name="activation">Name of the activation.</param>
    /// <param name="dropout">Probability of dropping an output value; 0 outside training.</param>
    /// <returns>Rows <c>[B, N, d]</c>; the caller disposes them.</returns>
    public Tensor Run(Tensor x, string activation = "gelu", double dropout = 0)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor output = Down.Apply(Activations.Run(activation, Up.Apply(x)));
        return (dropout > 0 ? F.dropout(output, dropout) : output).MoveToOuterDisposeScope();
    }
}
