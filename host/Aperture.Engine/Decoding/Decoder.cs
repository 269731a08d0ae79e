using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// A decoder that runs packed, ragged sequences through its layers and calls the hooks of a table at the sites of <see cref="IReducerSites"/> and
/// <see cref="IRouterSites"/>. A layer that nobody touches costs one null check. Owns its weights. Not safe for use from several threads at once.
/// </summary>
public sealed class Decoder : IDisposable
{
    private readonly DecoderSpec _spec;
    private readonly DecoderWeights _weights;
    private readonly RotaryTable _rotary;
    private readonly DecoderLayer _layer;
    private readonly Ops _ops;
    private readonly bool _ownsWeights = true;

    /// <summary>A decoder over loaded weights.</summary>
    /// <param name="spec">What kind of decoder.</param>
    /// <param name="weights">Weights; owned by the decoder from here on.</param>
    /// <param name="ops">Operations; borrowed.</param>
    /// <param name="info">The sizes that methods see.</param>
    public Decoder(DecoderSpec spec, DecoderWeights weights, Ops ops, DecoderInfo info)
    {
        _spec = spec;
        _weights = weights;
        _ops = ops;
        _rotary = new RotaryTable(spec.Rotary, ops.Device);
        _layer = new DecoderLayer(spec, ops);
        Info = weights.LayersWithoutAttention is { Count: > 0 } without ? info with { LayersWithoutAttention = without } : info;
    }

    /// <summary>The sizes that methods see.</summary>
    public DecoderInfo Info { get; }

    /// <summary>Sizes and options.</summary>
    public DecoderSpec Spec => _spec;

    /// <summary>The weights.</summary>
    public DecoderWeights Weights => _weights;

    private Decoder(Decoder shared, Ops ops)
        : this(shared._spec, shared._weights, ops, shared.Info)
        => _ownsWeights = false;

    /// <summary>The same decoder with gradients. It shares the weights and leaves them alone when it is disposed; it must not outlive this one.</summary>
    public Decoder ForTraining() => new(this, _ops.ForTraining());

    /// <summary>Embedding rows.</summary>
    /// <param name="ids">Token ids.</param>
    /// <returns><c>[ids, d]</c> in the type computed in; the caller disposes it.</returns>
    public Tensor Embed(ReadOnlySpan<int> ids)
    {
        using Tensor index = tensor(ids.ToArray(), dtype: ScalarType.Int64, device: _ops.Device);
        return Embed(index);
    }

    /// <summary>Embedding rows.</summary>
    /// <param name="ids">int64 <c>[ids]</c>; borrowed.</param>
    /// <returns><c>[ids, d]</c> in the type computed in; the caller disposes it.</returns>
    public Tensor Embed(Tensor ids)
    {
        using StageScope timed = _ops.Time(ForwardStage.Embedding);
        Tensor rows = _weights.Embeddings.index_select(0, ids);
        if (rows.dtype != _ops.Type)
        {
            using Tensor stored = rows;
            rows = stored.to_type(_ops.Type);
        }

        return _spec.EmbeddingScale == 1 ? rows : _ops.Scale(rows, _spec.EmbeddingScale);
    }

    /// <summary>Starts a forward.</summary>
    /// <param name="request">The request.</param>
    /// <param name="phase">The phase.</param>
    /// <param name="layouts">The rows that enter, one layout a sample.</param>
    /// <returns>The state that travels through the layers; the caller disposes it.</returns>
    public ForwardState Begin(RequestContext request, DecoderPhase phase, IReadOnlyList<SequenceLayout> layouts)
    {
        using StageScope timed = _ops.Time(ForwardStage.Rotary); // the rows' cosines and sines
        return ForwardState.Begin(request, phase, [.. layouts], _rotary, phase == DecoderPhase.Train ? null : request.Cache);
    }

    /// <summary>Runs layers [from, to).</summary>
    /// <param name="state">The rows' state; rows that methods drop are gone from it afterwards.</param>
    /// <param name="rows">Packed rows <c>[rows, d]</c>; consumed.</param>
    /// <param name="from">First layer.</param>
    /// <param name="to">One past the last layer.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>Packed rows after layer <c>to - 1</c>; the caller disposes them.</returns>
    public Tensor RunLayers(ForwardState state, Tensor rows, int from, int to, CancellationToken cancellationToken)
    {
        LayerHooks?[]? table = state.Request.Table?.Phase(state.Phase);
        bool traced = state.Request.Trace is not null;
        try
        {
            for (int layer = from; layer < to; layer++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                LayerHooks? hooks = table?[layer] ?? (traced ? LayerHooks.None : null);
                rows = _layer.Run(state, rows, layer, _weights.Layers[layer], hooks);
            }

            return rows;
        }
        catch
        {
            rows.Dispose();
            throw;
        }
    }

    /// <summary>Runs all layers.</summary>
    /// <inheritdoc cref="RunLayers"/>
    public Tensor Run(ForwardState state, Tensor rows, CancellationToken cancellationToken) => RunLayers(state, rows, 0, _spec.Layers, cancellationToken);

    /// <summary>The final norm.</summary>
    /// <param name="rows">Rows after the last layer; borrowed.</param>
    /// <param name="count">Number of rows.</param>
    /// <returns>Normed rows <c>[rows, d]</c>; the caller disposes them.</returns>
    public Tensor FinalNorm(Tensor rows, int count)
    {
        using StageScope timed = _ops.Time(ForwardStage.Norm);
        return _ops.Norm(rows, _weights.Norm, _spec.NormEpsilon, count, _spec.HiddenSize);
    }

    /// <summary>Final norm and output matrix.</summary>
    /// <param name="rows">Rows after the last layer; borrowed.</param>
    /// <param name="count">Number of rows.</param>
    /// <returns>float32 logits <c>[rows, V]</c>; the caller disposes them.</returns>
    public Tensor Logits(Tensor rows, int count)
    {
        Tensor last = FinalNorm(rows, count);
        using StageScope timed = _ops.Time(ForwardStage.OutputMatrix);
        using Tensor normed = _spec.LogitScale == 1 ? last : _ops.Scale(last, _spec.LogitScale);
        Tensor logits = _ops.Linear(normed, _weights.Head, count);
        if (logits.dtype == ScalarType.Float32)
        {
            return logits;
        }

        using (logits)
        {
            return logits.to_type(ScalarType.Float32);
        }
    }

    /// <summary>Logits of each sample's last row.</summary>
    /// <param name="state">The state after <see cref="Run"/>.</param>
    /// <param name="rows">Rows after the last layer; borrowed.</param>
    /// <returns>float32 <c>[samples, V]</c>; the caller disposes them.</returns>
    public Tensor LastLogits(ForwardState state, Tensor rows)
    {
        if (state.IsRectangle && state.Rows == state.Samples)
        {
            return Logits(rows, state.Samples);
        }

        long[] ends = new long[state.Samples];
        for (int sample = 0; sample < ends.Length; sample++)
        {
            ends[sample] = state.Offsets[sample + 1] - 1;
            if (state.Offsets[sample + 1] == state.Offsets[sample])
            {
                string methods = string.Join(", ", (state.Request.Table?.Methods ?? []).Select(method => method.Name));
                throw new ApertureException(
                    $"Every row of sequence {sample} was dropped by the methods of the pipeline ({methods}); its last row must stay, because the next token is "
                    + "read from it.");
            }
        }

        using Tensor index = tensor(ends, device: _ops.Device);
        using Tensor last = rows.index_select(0, index);
        return Logits(last, state.Samples);
    }

    /// <summary>How its caches keep keys and values.</summary>
    internal CacheFormat Cache => _ops.Cache;

    /// <summary>Tells by stage where time goes; null for nobody.</summary>
    internal StageClock? Clock => _ops.Clock;

    /// <summary>Opens a stage where somebody measures.</summary>
    internal StageScope Time(ForwardStage stage) => _ops.Time(stage);

    /// <summary>Disposes the weights.</summary>
    public void Dispose()
    {
        _rotary.Dispose();
        if (_ownsWeights)
        {
            _weights.Dispose();
        }
    }
}
