using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Text;

/// <summary>An attention sub-layer of BERT, post-norm: <c>LayerNorm(x + dropout(dense(attention)))</c>. Borrowed from the model's weights.</summary>
/// <param name="Query"><c>self.query</c>.</param>
/// <param name="Key"><c>self.key</c>.</param>
/// <param name="Value"><c>self.value</c>.</param>
/// <param name="Output"><c>output.dense</c>.</param>
/// <param name="Norm"><c>output.LayerNorm</c>.</param>
public sealed record BertAttentionWeights(Matrix Query, Matrix Key, Matrix Value, Matrix Output, LayerNormWeights Norm)
{
    /// <summary>Loads the sub-layer.</summary>
    /// <param name="loader">Loads and owns.</param>
    /// <param name="name">Name with its last dot, such as <c>encoder.layer.0.attention.</c>.</param>
    /// <param name="width">Width d of the rows that ask.</param>
    /// <param name="keyWidth">Width of the rows that are looked at.</param>
    public static BertAttentionWeights Load(WeightLoader loader, string name, int width, int keyWidth) => new(
        loader.Linear(name + "self.query", width, width),
        loader.Linear(name + "self.key", width, keyWidth),
        loader.Linear(name + "self.value", width, keyWidth),
        loader.Linear(name + "output.dense", width, width),
        loader.Norm(name + "output.LayerNorm", width));

    /// <summary>Attention and output projection, before the residual and the norm.</summary>
    /// <param name="queries">Rows that ask <c>[B, N, d]</c>; borrowed.</param>
    /// <param name="keys">Rows that are looked at <c>[B, M, d']</c>; borrowed. The same as <paramref name="queries"/> for self-attention.</param>
    /// <param name="bias">Added to the logits <c>[B, 1, 1, M]</c> (see <see cref="BertEncoder.MaskBias"/>); null for none.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="dropout">Probability of dropping an attention weight or an output value; 0 outside training.</param>
    /// <param name="probabilities">Gets the attention weights <c>[B, heads, N, M]</c>, borrowed; null where nobody asks.</param>
    /// <returns>Rows <c>[B, N, d]</c>; the caller disposes them.</returns>
    public Tensor Attend(Tensor queries, Tensor keys, Tensor? bias, int heads, double dropout = 0, Action<Tensor>? probabilities = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor Heads(Tensor rows, Matrix linear) => linear.Apply(rows).view(rows.size(0), rows.size(1), heads, -1).transpose(1, 2);
        (Tensor q, Tensor k, Tensor v) = (Heads(queries, Query), Heads(keys, Key), Heads(keys, Value)); // [B, heads, N or M, d / heads]
        if (probabilities is not null)
        {
            Tensor scores = q.matmul(k.transpose(-1, -2)).div(Math.Sqrt(q.size(-1)));
            probabilities((bias is null ? scores : scores.add(bias)).softmax(-1));
        }

        Tensor attended = F.scaled_dot_product_attention(q, k, v, bias, dropout, is_casual: false);
        Tensor merged = attended.transpose(1, 2).reshape(queries.size(0), queries.size(1), Query.Outputs); // [B, N, d]
        Tensor output = Output.Apply(merged);
        return (dropout > 0 ? F.dropout(output, dropout) : output).MoveToOuterDisposeScope();
    }
}
