using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>Attention of rows to themselves or to a text, fused; its probabilities are computed beside it where somebody asked. Borrows its tensors.</summary>
internal sealed class Attention
{
    private readonly Ops _ops;
    private readonly Matrix _query, _key, _value, _output;
    private readonly int _heads, _width;

    /// <summary>Loads the attention.</summary>
    /// <param name="loader">The checkpoint.</param>
    /// <param name="name">Published name, such as <c>…transformer_blocks.0.attn1</c>.</param>
    /// <param name="width">Width of the rows.</param>
    /// <param name="context">Width of what is attended to.</param>
    /// <param name="heads">Heads.</param>
    public Attention(DiffusionLoader loader, string name, int width, int context, int heads)
    {
        _ops = loader.Ops;
        _query = loader.Linear(name + ".to_q", width, width, bias: false);
        _key = loader.Linear(name + ".to_k", width, context, bias: false);
        _value = loader.Linear(name + ".to_v", width, context, bias: false);
        _output = loader.Linear(name + ".to_out.0", width, width);
        (_heads, _width) = (heads, width);
    }

    /// <summary>Attends.</summary>
    /// <param name="rows"><c>[N, T, C]</c>; borrowed.</param>
    /// <param name="context"><c>[N, K, D]</c>; borrowed.</param>
    /// <param name="take">Gets the probabilities <c>[samples * heads, T, K]</c> from the first sample asked for on, borrowed; null for nobody.</param>
    /// <param name="firstSample">The first sample asked for.</param>
    /// <returns><c>[N, T, C]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor rows, Tensor context, Action<Tensor>? take, int firstSample)
    {
        using Tensor q = Heads(_query, rows), k = Heads(_key, context), v = Heads(_value, context); // -> [N, heads, T or K, head]
        if (take is not null)
        {
            Show(q, k, take, firstSample);
        }

        using Tensor attended = _ops.Attend(q, k, v); // -> [N, heads, T, head]
        using Tensor turned = attended.transpose(1, 2);
        using Tensor merged = turned.reshape(rows.size(0), rows.size(1), _width); // -> [N, T, C]
        return _output.Apply(merged);
    }

    private Tensor Heads(Matrix projection, Tensor rows)
    {
        using Tensor flat = projection.Apply(rows);
        using Tensor split = flat.unflatten(2, [_heads, _width / _heads]); // [N, T, C] -> [N, T, heads, head]
        return split.transpose(1, 2); // -> [N, heads, T, head]
    }

    private void Show(Tensor q, Tensor k, Action<Tensor> take, int first)
    {
        using Tensor queries = q.narrow(0, first, q.size(0) - first), keys = k.narrow(0, first, k.size(0) - first);
        using Tensor turned = keys.transpose(2, 3);
        using Tensor scores = queries.matmul(turned).mul_(1 / Math.Sqrt((double)_width / _heads)); // [n, heads, T, head] -> [n, heads, T, K]
        using Tensor probabilities = scores.softmax(-1, ScalarType.Float32);
        using Tensor stacked = probabilities.flatten(0, 1); // -> [n * heads, T, K]
        take(stacked);
    }
}
