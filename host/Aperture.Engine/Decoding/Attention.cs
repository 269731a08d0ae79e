using Aperture.Models;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Decoding;

/// <summary>
/// Softmax attention of packed rows. Query heads that share a key/value head are a dimension of their own, so keys and values are never copied for grouping.
/// Prompts run fused with the causal flag; a mask exists only for windows and for several rows on a live cache.
/// </summary>
internal sealed class Attention
{
    private readonly Ops _ops;
    private readonly int _heads;
    private readonly int _keyValueHeads;
    private readonly int _headSize;

    public Attention(DecoderSpec spec, Ops ops)
    {
        _ops = ops;
        _heads = spec.Heads;
        _keyValueHeads = spec.KeyValueHeads;
        _headSize = spec.HeadSize;
        Scale = 1 / Math.Sqrt(spec.HeadSize);
    }

    /// <summary>Factor on the logits.</summary>
    public double Scale { get; }

    /// <summary>One sequence.</summary>
    /// <param name="q">Queries <c>[rows, heads, head]</c>, after RoPE; borrowed.</param>
    /// <param name="k">Keys <c>[kv heads, keys, head]</c>; borrowed.</param>
    /// <param name="v">Values, likewise.</param>
    /// <param name="rows">Query rows, the last ones of the keys.</param>
    /// <param name="keys">Keys.</param>
    /// <param name="mask">Boolean <c>[rows, keys]</c>, true where visible; null for plain causal, or for one row that sees all keys.</param>
    /// <returns><c>[rows, heads * head]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor q, Tensor k, Tensor v, int rows, int keys, Tensor? mask)
    {
        int group = _heads / _keyValueHeads;
        if (rows == 1 && mask is null)
        {
            return _ops.AttendOneRow(q, new(k, null), new(v, null), (_heads, _keyValueHeads, _headSize, keys)) ?? RunOneRow(q, k, v, group);
        }

        if (mask is null && RunManaged(q, k, v) is { } managed)
        {
            return managed;
        }

        using Tensor view = q.view(rows, _keyValueHeads, group, _headSize);
        using Tensor queries = view.permute(1, 2, 0, 3); // [kv heads, group, rows, head]
        using Tensor groupedKeys = Group(k, group, keys);
        using Tensor groupedValues = Group(v, group, keys);
        using Tensor attended = F.scaled_dot_product_attention(queries, groupedKeys, groupedValues, mask, 0, is_casual: mask is null);
        using Tensor rowsFirst = attended.permute(2, 0, 1, 3); // [rows, kv heads, group, head]
        return rowsFirst.reshape(rows, _heads * _headSize);
    }

    /// <summary>One row over a cache that keeps rows in fewer bits, read as they are stored.</summary>
    /// <param name="q">Its queries <c>[1, heads, head]</c>, after RoPE; borrowed.</param>
    /// <param name="cache">The cache, the row in it.</param>
    /// <returns><c>[1, heads * head]</c>, which the caller disposes; null where the rows have to be widened first.</returns>
    public Tensor? RunStored(Tensor q, LayerCache cache)
    {
        if (!cache.IsNarrowed || !_ops.HasManagedKernels)
        {
            return null;
        }

        (StoredRows k, StoredRows v) = cache.Stored();
        using (k)
        using (v)
        {
            return _ops.AttendOneRow(q, k, v, (_heads, _keyValueHeads, _headSize, cache.Length));
        }
    }

    /// <summary>Sequences of equal length without a cache, plain causal: one fused call for the batch.</summary>
    /// <param name="q"><c>[samples * rows, heads, head]</c>.</param>
    /// <param name="k"><c>[samples * rows, kv heads, head]</c>.</param>
    /// <param name="v">Likewise.</param>
    /// <param name="samples">Sequences.</param>
    /// <param name="rows">Rows of each.</param>
    /// <param name="visible">Boolean <c>[samples * kv heads, 1, rows, rows]</c>, true where visible; null for plain causal.</param>
    /// <returns><c>[samples * rows, heads * head]</c>; the caller disposes it.</returns>
    public Tensor RunRectangle(Tensor q, Tensor k, Tensor v, int samples, int rows, Tensor? visible = null)
    {
        using DisposeScope scope = NewDisposeScope();
        int group = _heads / _keyValueHeads;
        Tensor HeadsFirst(Tensor t, int heads) => t.view(samples, rows, heads, _headSize).transpose(1, 2); // -> [samples, heads, rows, head]
        bool plain = visible is null;
        if (plain && _ops.AttendManaged(HeadsFirst(q, _heads), HeadsFirst(k, _keyValueHeads), HeadsFirst(v, _keyValueHeads), causal: true) is { } managed)
        {
            return managed.transpose(1, 2).reshape(samples * rows, _heads * _headSize).MoveToOuterDisposeScope();
        }

        Tensor queries = q.view(samples, rows, _keyValueHeads, group, _headSize)
            .permute(0, 2, 3, 1, 4)
            .reshape(samples * _keyValueHeads, group, rows, _headSize);
        Tensor Keys(Tensor t)
            => t.view(samples, rows, _keyValueHeads, _headSize)
                .permute(0, 2, 1, 3)
                .reshape(samples * _keyValueHeads, 1, rows, _headSize)
                .expand(-1, group, -1, -1);
        Tensor attended = F.scaled_dot_product_attention(queries, Keys(k), Keys(v), visible, 0, is_casual: plain);
        return attended.view(samples, _keyValueHeads, group, rows, _headSize)
            .permute(0, 3, 1, 2, 4)
            .reshape(samples * rows, _heads * _headSize)
            .MoveToOuterDisposeScope();
    }

    /// <summary>Unscaled logits of some query rows: <c>[heads, rows, keys]</c>, in the type computed in; the caller disposes them.</summary>
    /// <param name="q">Queries <c>[rows, heads, head]</c>.</param>
    /// <param name="k">Keys <c>[kv heads, keys, head]</c>.</param>
    /// <param name="rows">Query rows.</param>
    /// <param name="keys">Keys.</param>
    public Tensor Logits(Tensor q, Tensor k, int rows, int keys)
    {
        using DisposeScope scope = NewDisposeScope();
        int group = _heads / _keyValueHeads;
        Tensor queries = q.view(rows, _keyValueHeads, group, _headSize).permute(1, 2, 0, 3).reshape(_keyValueHeads, group * rows, _headSize);
        Tensor logits = queries.matmul(k.transpose(1, 2)); // [kv heads, group * rows, keys]
        return logits.view(_heads, rows, keys).MoveToOuterDisposeScope();
    }

    // One row sees every key: the heads of a group become rows, so grouping costs nothing.
    private Tensor RunOneRow(Tensor q, Tensor k, Tensor v, int group)
    {
        using Tensor queries = q.view(_keyValueHeads, group, _headSize);
        using Tensor batched = queries.unsqueeze(0), batchedKeys = k.unsqueeze(0), batchedValues = v.unsqueeze(0);
        using Tensor attended = F.scaled_dot_product_attention(batched, batchedKeys, batchedValues, null, 0, is_casual: false);
        return attended.reshape(1, _heads * _headSize);
    }

    private Tensor? RunManaged(Tensor q, Tensor k, Tensor v)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor? attended = _ops.AttendManaged(q.transpose(0, 1).unsqueeze(0), k.unsqueeze(0), v.unsqueeze(0), causal: true); // -> [1, heads, rows, head]
        return attended?.transpose(1, 2).reshape(-1, _heads * _headSize).MoveToOuterDisposeScope();
    }

    private Tensor Group(Tensor t, int group, int keys)
    {
        using Tensor one = t.unsqueeze(1);
        return one.expand(_keyValueHeads, group, keys, _headSize);
    }
}
