using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>An attention of SAM's mask decoder, which may be narrower inside than its rows. Borrows its matrices.</summary>
internal sealed class DecoderAttention
{
    private readonly Matrix _query, _key, _value, _output;
    private readonly int _heads;

    /// <summary>Loads an attention.</summary>
    /// <param name="loader">Loads and owns.</param>
    /// <param name="name">Its name with the last dot.</param>
    /// <param name="width">Width of its rows.</param>
    /// <param name="inner">Width inside.</param>
    /// <param name="heads">Heads.</param>
    public DecoderAttention(WeightLoader loader, string name, int width, int inner, int heads)
    {
        (_query, _key, _value) = (loader.Linear(name + "q_proj", inner, width), loader.Linear(name + "k_proj", inner, width),
            loader.Linear(name + "v_proj", inner, width));
        (_output, _heads) = (loader.Linear(name + "out_proj", width, inner), heads);
    }

    /// <summary>Attends.</summary>
    /// <param name="q">Rows that ask <c>[B, N, C]</c>; borrowed.</param>
    /// <param name="k">Rows that are compared with <c>[B, M, C]</c>; borrowed.</param>
    /// <param name="v">Rows that are taken from <c>[B, M, C]</c>; borrowed.</param>
    /// <returns><c>[B, N, C]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor q, Tensor k, Tensor v)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor Heads(Matrix matrix, Tensor rows) => matrix.Apply(rows).unflatten(2, [_heads, -1]).transpose(1, 2); // -> [B, heads, N, inner / heads]
        Tensor attended = F.scaled_dot_product_attention(Heads(_query, q), Heads(_key, k), Heads(_value, v), null, 0, is_casual: false);
        return _output.Apply(attended.transpose(1, 2).flatten(2)).MoveToOuterDisposeScope(); // [B, heads, N, inner / heads] -> [B, N, C]
    }
}
