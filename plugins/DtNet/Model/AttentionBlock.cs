using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>
/// Multi-head attention with its own residual and norm: <c>LN(q + drop(Attention(q, k, v)))</c>. The layers around it add a second residual and norm.
/// </summary>
internal sealed class AttentionBlock
{
    private readonly Matrix _query, _key, _value, _output;
    private readonly LayerNormWeights _norm;
    private readonly CaptionConfig _config;

    /// <summary>Loads the block.</summary>
    /// <param name="loader">Loads and owns the weights.</param>
    /// <param name="name">Published name with its dot, such as <c>encoder.layers.0.mhatt.</c>.</param>
    /// <param name="config">Sizes.</param>
    public AttentionBlock(WeightLoader loader, string name, CaptionConfig config)
    {
        _config = config;
        int keys = config.Heads * config.KeySize, values = config.Heads * config.ValueSize;
        _query = loader.Linear(name + "attention.fc_q", keys, config.Width);
        _key = loader.Linear(name + "attention.fc_k", keys, config.Width);
        _value = loader.Linear(name + "attention.fc_v", values, config.Width);
        _output = loader.Linear(name + "attention.fc_o", config.Width, values);
        _norm = loader.Norm(name + "layer_norm", config.Width);
    }

    /// <summary>Keys and values of rows, to attend to once or several times.</summary>
    /// <param name="rows"><c>[B, N, d]</c>; borrowed.</param>
    /// <returns><c>[B, heads, N, key size]</c> and <c>[B, heads, N, value size]</c>, in the caller's dispose scope.</returns>
    public KeysAndValues Project(Tensor rows) => new(Split(_key.Apply(rows), _config.KeySize), Split(_value.Apply(rows), _config.ValueSize));

    /// <summary>Lets rows attend.</summary>
    /// <param name="queries"><c>[B, M, d]</c>; borrowed.</param>
    /// <param name="attended">What they attend to; borrowed.</param>
    /// <param name="mask">Bool, true where a key is not seen, and broadcast to <c>[B, heads, M, N]</c>; null for none.</param>
    /// <param name="bias">Added to the logits behind the mask, broadcast likewise; null for none.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <returns><c>[B, M, d]</c>, in the caller's dispose scope. A row that sees no key is not a number, as in the official code.</returns>
    public Tensor Run(Tensor queries, KeysAndValues attended, Tensor? mask, Tensor? bias, Regularisation? training)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = Split(_query.Apply(queries), _config.KeySize); // [B, M, d] -> [B, heads, M, key size]
        Tensor logits = q.matmul(attended.Keys.transpose(-2, -1)).div(Math.Sqrt(_config.KeySize)); // [B, heads, M, N]
        logits = mask is null ? logits : logits.masked_fill(mask, double.NegativeInfinity);
        logits = bias is null ? logits : logits.add(bias);
        Tensor weights = training.Drop(logits.softmax(-1, ScalarType.Float32).to_type(queries.dtype));
        Tensor heads = weights.matmul(attended.Values).transpose(1, 2).flatten(2); // [B, heads, M, value size] -> [B, M, heads * value size]
        return _norm.Run(queries.add(training.Drop(_output.Apply(heads))), _config.NormEpsilon).MoveToOuterDisposeScope();
    }

    private Tensor Split(Tensor rows, int size)
        => rows.view(rows.size(0), rows.size(1), _config.Heads, size).transpose(1, 2); // [B, N, heads * size] -> [B, heads, N, size]
}

/// <summary>Keys and values of rows.</summary>
/// <param name="Keys"><c>[B, heads, N, key size]</c>.</param>
/// <param name="Values"><c>[B, heads, N, value size]</c>.</param>
internal readonly record struct KeysAndValues(Tensor Keys, Tensor Values)
{
    /// <summary>These and further rows behind them.</summary>
    /// <param name="next">The further rows; borrowed.</param>
    public KeysAndValues Append(KeysAndValues next) => new(cat([Keys, next.Keys], 2), cat([Values, next.Values], 2));

    /// <summary>Those of some batch entries.</summary>
    /// <param name="entries">int64 <c>[count]</c>; borrowed.</param>
    public KeysAndValues Select(Tensor entries) => new(Keys.index_select(0, entries), Values.index_select(0, entries));
}
