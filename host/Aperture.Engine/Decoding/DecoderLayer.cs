using Aperture.Measuring;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// One layer: norm, route, attention, drop, output projection, feed-forward, drop. The whole order of sites stands in <see cref="Run"/> and <see cref="Body"/>.
/// </summary>
internal sealed class DecoderLayer
{
    private readonly DecoderSpec _spec;
    private readonly Ops _ops;
    private readonly Attention _attention;
    private readonly AttentionMasks _masks;
    private readonly FeedForwardNetwork _feedForward;

    public DecoderLayer(DecoderSpec spec, Ops ops)
    {
        _spec = spec;
        _ops = ops;
        _attention = new Attention(spec, ops);
        _masks = new AttentionMasks(ops.Device);
        _feedForward = new FeedForwardNetwork(spec, ops);
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="state">The rows' state.</param>
    /// <param name="x">Packed rows <c>[rows, d]</c>; consumed.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="hooks">Its hooks; null for the plain path.</param>
    /// <returns>Packed rows; the caller disposes them.</returns>
    public Tensor Run(ForwardState state, Tensor x, int layer, DecoderLayerWeights weights, LayerHooks? hooks)
    {
        if (hooks is null)
        {
            Tensor plain = Norm(x, weights.InputNorm, state);
            return Body(state, x, plain, layer, weights, null, BranchScales.None);
        }

        LayerCall call = new(state, layer, weights, hooks);
        try
        {
            call.Hold(x);
            x = call.BeforeLayer(x);
            Tensor n = Norm(x, weights.InputNorm, state);
            call.Hold(n);
            x = hooks.Route is { } routes
                ? new RoutedLayer(this, _ops, weights, call, routes).Run(state, x, n, 0)
                : Body(state, x, n, layer, weights, call, BranchScales.None);
            return call.AfterLayer(state, x);
        }
        catch
        {
            call.Abandon();
            throw;
        }
    }

    /// <summary>Attention and feed-forward of rows that run.</summary>
    /// <param name="state">The rows' state; loses the rows that hooks drop.</param>
    /// <param name="x">Layer input; consumed.</param>
    /// <param name="n">Its first norm; consumed.</param>
    /// <param name="layer">The layer.</param>
    /// <param name="weights">Its weights.</param>
    /// <param name="call">Hooks and trace; null for the plain path.</param>
    /// <param name="scales">Factors on the two branches.</param>
    /// <returns>Packed rows that go on.</returns>
    public Tensor Body(ForwardState state, Tensor x, Tensor n, int layer, DecoderLayerWeights weights, LayerCall? call, BranchScales scales)
    {
        if (state.Rows == 0)
        {
            n.Dispose();
            return x;
        }

        // Attention consumes the norm; a parallel block's feed-forward network reads it too.
        Tensor? shared = weights.PostAttentionNorm is null ? n.alias() : null;
        if (shared is not null)
        {
            call?.Hold(shared);
        }

        Tensor a = Attend(state, n, layer, weights, call);
        BranchScales own = scales;
        call?.Hold(a);
        if (call?.AfterAttention(state) is { } keep)
        {
            using Tensor index = tensor([.. keep.Select(row => (long)row)], device: _ops.Device);
            x = Rows.Select(x, index);
            a = Rows.Select(a, index);
            shared = shared is null ? null : Rows.Select(shared, index);
            own = scales.Select(index);
        }

        call?.DisposeQueries();
        call?.CountFeedForward(state);
        Tensor projected;
        using (a)
        using (_ops.Time(ForwardStage.AttentionOutput))
        {
            projected = _ops.Linear(a, weights.Output, state.Rows);
        }

        x = Add(x, projected, own.Attention);
        Tensor mixed;
        using (Tensor n2 = shared ?? Norm(x, weights.PostAttentionNorm!, state))
        {
            mixed = FeedForward(n2, state.Rows, weights, null);
        }

        x = Add(x, mixed, own.FeedForward);
        if (!ReferenceEquals(own, scales))
        {
            own.Dispose();
        }

        return x;
    }

    /// <summary>The feed-forward network.</summary>
    /// <param name="n">Normed rows; borrowed.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="weights">The layer's weights.</param>
    /// <param name="deltas">Changes of gate and up; null for none.</param>
    /// <returns><c>[rows, d]</c>; the caller disposes it.</returns>
    public Tensor FeedForward(Tensor n, int rows, DecoderLayerWeights weights, FeedForwardDeltas? deltas) => _feedForward.Run(n, rows, weights, deltas);

    /// <summary>A branch as it is added to the residual: times the model's constant and the routers' factors.</summary>
    /// <param name="branch">Attention's or the feed-forward network's output <c>[rows, d]</c>; consumed.</param>
    /// <param name="factor">The routers' factors <c>[rows, 1]</c>; null means 1. Borrowed.</param>
    /// <returns><c>[rows, d]</c>; the caller disposes it.</returns>
    public Tensor Scaled(Tensor branch, Tensor? factor)
        => BranchScales.Apply(_spec.ResidualScale == 1 ? branch : _ops.Scale(branch, _spec.ResidualScale), factor);

    private Tensor Add(Tensor x, Tensor branch, Tensor? factor)
    {
        using StageScope timed = _ops.Time(ForwardStage.Residual);
        return _ops.AddResidual(x, Scaled(branch, factor));
    }

    private Tensor Norm(Tensor x, NormWeights weights, ForwardState state)
    {
        using StageScope timed = _ops.Time(ForwardStage.Norm);
        return _ops.Norm(x, weights, _spec.NormEpsilon, state.Rows, _spec.HiddenSize);
    }

    private Tensor Attend(ForwardState state, Tensor n, int layer, DecoderLayerWeights weights, LayerCall? call)
    {
        int rows = state.Rows, head = _spec.HeadSize;
        (Tensor q, Tensor k, Tensor v) = Project(state, n, layer, weights, call);
        using (_ops.Time(ForwardStage.Rotary))
        {
            q = _ops.Rotate(q, state.Rotary, rows, _spec.Heads, head);
            k = _ops.Rotate(k, state.Rotary, rows, _spec.KeyValueHeads, head);
        }

        call?.Hold(q);
        call?.Hold(k);
        call?.Hold(v);
        int window = _spec.WindowOf(layer);
        Tensor attended;
        int[]? attending = state.AttendingRows();
        if (attending is null && state.Cache is null && state.IsRectangle && window == 0 && call is null)
        {
            using StageScope timed = _ops.Time(ForwardStage.Attention);
            attended = _attention.RunRectangle(q, k, v, state.Samples, state.Offsets[1], state.Visible);
        }
        else
        {
            if (state.Visible is not null)
            {
                throw new InvalidOperationException("A mask of visible rows needs samples of equal length and a layer without cache, hooks and window.");
            }

            attended = attending is null
                ? AttendEach(state, q, k, v, layer, window, call)
                : AttendInPart(state, attending, (q, k, v), layer, window, call);
        }

        if (call is null)
        {
            q.Dispose();
            k.Dispose();
        }
        else
        {
            call.Attended(state, _attention, _ops, q, k, _spec, window);
        }

        v.Dispose();
        return attended;
    }

    // Padding that is left out gets zeros. A private row sees itself alone, so its attention is its own value.
    private Tensor AttendInPart(ForwardState state, int[] attending, (Tensor Q, Tensor K, Tensor V) all, int layer, int window, LayerCall? call)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor output = zeros(state.Rows, _spec.Heads * _spec.HeadSize, dtype: _ops.Type, device: _ops.Device);
        if (state.PrivateRows() is { Length: > 0 } alone)
        {
            Tensor index = Index(alone);
            Tensor values = all.V.index_select(0, index).repeat_interleave(_spec.Heads / _spec.KeyValueHeads, 1); // [rows, heads, head]
            output = output.index_copy(0, index, values.flatten(1));
            for (int sample = 0; sample < state.Samples; sample++)
            {
                call?.CountAttention(sample, state.Layout(sample).PrivateRows().Length, 1);
            }
        }

        if (attending.Length == 0)
        {
            return output.MoveToOuterDisposeScope();
        }

        using ForwardState together = state.Subset(
            [.. Enumerable.Range(0, state.Samples).Select(sample => state.Layout(sample).Keep(state.AttendingRows(sample)))]);
        Tensor rows = Index(attending);
        Tensor attended = AttendEach(together, all.Q.index_select(0, rows), all.K.index_select(0, rows), all.V.index_select(0, rows), layer, window, call);
        return output.index_copy(0, rows, attended).MoveToOuterDisposeScope();
    }

    private Tensor Index(int[] rows) => tensor([.. rows.Select(row => (long)row)], device: _ops.Device);

    private Tensor AttendEach(ForwardState state, Tensor q, Tensor k, Tensor v, int layer, int window, LayerCall? call)
    {
        Tensor[] parts = new Tensor[state.Samples];
        int used = 0;
        for (int sample = 0; sample < state.Samples; sample++)
        {
            int from = state.Offsets[sample], rows = state.Offsets[sample + 1] - from;
            if (rows == 0)
            {
                call?.CountAttention(sample, 0, 0);
                continue;
            }

            using Tensor packedKeys = k.narrow(0, from, rows), packedValues = v.narrow(0, from, rows);
            using Tensor newKeys = packedKeys.transpose(0, 1), newValues = packedValues.transpose(0, 1); // [kv heads, rows, head]
            using Tensor queries = q.narrow(0, from, rows);
            LayerCache? cache = state.Cache?[layer, sample];
            int before = cache?.Length ?? 0;
            ReadOnlySpan<int> positions = state.Layout(sample).Positions;
            using (_ops.Time(ForwardStage.Cache))
            {
                cache?.Append(newKeys, newValues, state.Layout(sample), state.Request.Step, state.Cache!.Reserve);
            }

            using (_ops.Time(ForwardStage.Attention))
            using (Tensor? mask = _masks.For(positions, before > 0 ? cache!.Positions : positions, before, window))
            {
                parts[used] = before == 0 ? _attention.Run(queries, newKeys, newValues, rows, rows, mask) : AttendCached(queries, cache!, rows, mask);
                call?.Hold(parts[used]);
                used++;
            }

            call?.CountAttention(sample, rows, before + rows);
            call?.TraceCache(state, sample, cache, newKeys, newValues);
        }

        if (used == 1)
        {
            return parts[0];
        }

        Tensor joined = cat(parts[..used], 0);
        foreach (Tensor part in parts.AsSpan(0, used))
        {
            part.Dispose();
        }

        return joined;
    }

    private Tensor AttendCached(Tensor queries, LayerCache cache, int rows, Tensor? mask)
    {
        if (rows == 1 && mask is null && _attention.RunStored(queries, cache) is { } read)
        {
            return read;
        }

        (Tensor keys, Tensor values) = cache.View();
        using (keys)
        using (values)
        {
            return _attention.Run(queries, keys, values, rows, cache.Length, mask);
        }
    }

    private (Tensor Q, Tensor K, Tensor V) Project(ForwardState state, Tensor n, int layer, DecoderLayerWeights weights, LayerCall? call)
    {
        int rows = state.Rows;
        AttentionInput? changed = call?.BeforeAttention(state, n);
        Tensor input = changed?.Rows is { } given ? Rows.Accept(given, _ops.Type) : n;
        using StageScope timed = _ops.Time(ForwardStage.QueryKeyValue);
        Tensor q, k, v;
        if (changed?.Deltas is { } deltas)
        {
            q = DeltaLinear.RunEach(_ops, input, weights.Query, state.Offsets, [.. deltas.Select(d => d?.Query)]);
            k = DeltaLinear.RunEach(_ops, input, weights.Key, state.Offsets, [.. deltas.Select(d => d?.Key)]);
            v = DeltaLinear.RunEach(_ops, input, weights.Value, state.Offsets, [.. deltas.Select(d => d?.Value)]);
        }
        else if (weights.FusedQueryKeyValue is { } fused)
        {
            using Tensor all = _ops.Linear(input, fused, rows);
            q = all.narrow(-1, 0, weights.Query.Outputs);
            k = all.narrow(-1, weights.Query.Outputs, weights.Key.Outputs);
            v = all.narrow(-1, weights.Query.Outputs + weights.Key.Outputs, weights.Value.Outputs);
        }
        else
        {
            q = _ops.Linear(input, weights.Query, rows);
            k = _ops.Linear(input, weights.Key, rows);
            v = _ops.Linear(input, weights.Value, rows);
        }

        if (!ReferenceEquals(input, n))
        {
            input.Dispose();
        }

        n.Dispose();
        return (Heads(q, rows, _spec.Heads), Heads(k, rows, _spec.KeyValueHeads), Heads(v, rows, _spec.KeyValueHeads));
    }

    private Tensor Heads(Tensor packed, int rows, int heads)
    {
        using (packed)
        {
            return packed.view(rows, heads, _spec.HeadSize);
        }
    }
}
