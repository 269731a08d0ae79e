using Aperture.Decoding;
using Aperture.Plugins.Eas.Adapters;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas;

/// <summary>
/// Per layer and sequence what the prefill decided: router weights, pool and, where adapters are merged, the changes of the linear layers. Owns its tensors.
/// </summary>
/// <param name="layers">Number of layers.</param>
internal sealed class EasState(int layers) : ISequenceState
{
    private readonly Tensor?[] _weights = new Tensor?[layers];
    private readonly Tensor?[] _pools = new Tensor?[layers];
    private readonly AttentionDeltas?[]?[] _attention = new AttentionDeltas?[]?[layers];
    private readonly FeedForwardDeltas?[]?[] _feedForward = new FeedForwardDeltas?[]?[layers];
    private readonly bool[]?[] _decided = new bool[]?[layers];

    /// <summary>
    /// Which sequences a layer decides for now: in a prefill those with rows in it, later those that had none so far (another router may have kept a whole
    /// prompt out of the layer).
    /// </summary>
    /// <param name="context">The layer's call.</param>
    /// <param name="prefill">Whether rows of a prompt decide anew.</param>
    /// <returns>One flag a sequence; null where nothing is to be decided.</returns>
    public bool[]? Undecided(ILayerContext context, bool prefill)
    {
        bool[]? before = prefill ? null : _decided[context.Layer];
        bool[] now = new bool[context.Samples];
        for (int sample = 0; sample < now.Length; sample++)
        {
            now[sample] = context.Offsets[sample + 1] > context.Offsets[sample] && before?[sample] != true;
        }

        return Array.Exists(now, decides => decides) ? now : null;
    }

    /// <summary>Router weights of a layer, float32 <c>[samples, 2]</c>; null before its prefill.</summary>
    public Tensor? Weights(int layer) => _weights[layer];

    /// <summary>Pool of a layer, <c>[samples, r]</c>; null before its prefill and where its attention is kept.</summary>
    public Tensor? Pool(int layer) => _pools[layer];

    /// <summary>Takes a layer's values over for the sequences that decide now; what was merged from older ones is dropped.</summary>
    public void Remember(int layer, bool[] now, Tensor? weights, Tensor? pool)
    {
        bool[] before = _decided[layer] ?? new bool[now.Length];
        Tensor? all = Joined(now, before, weights, _weights[layer]), pools = Joined(now, before, pool, _pools[layer]);
        Forget(layer);
        _weights[layer] = all?.DetachFromDisposeScope();
        _pools[layer] = pools?.DetachFromDisposeScope();
        _decided[layer] = [.. now.Zip(before, (fresh, old) => fresh || old)];
    }

    /// <summary>Takes over a new pool of a layer; router weights stay.</summary>
    public void Replace(int layer, Tensor pool)
    {
        _pools[layer]?.Dispose();
        _pools[layer] = pool.DetachFromDisposeScope();
    }

    /// <summary>The changes of a layer's q, k and v per sample, made at the first call after <see cref="Remember"/>.</summary>
    public AttentionDeltas?[] Attention(int layer, int samples, Func<int, AttentionDeltas> make)
        => _attention[layer] ??= [.. Enumerable.Range(0, samples).Select(make)];

    /// <summary>The changes of a layer's gate and up for one sample, made at the first call after <see cref="Remember"/>.</summary>
    public FeedForwardDeltas FeedForward(int layer, int sample, int samples, Func<FeedForwardDeltas> make)
        => (_feedForward[layer] ??= new FeedForwardDeltas?[samples])[sample] ??= make();

    public void Select(ReadOnlySpan<int> indices)
    {
        int[] from = indices.ToArray();
        using Tensor index = tensor([.. from.Select(i => (long)i)]);
        for (int layer = 0; layer < layers; layer++)
        {
            Tensor? weights = Picked(_weights[layer], index), pool = Picked(_pools[layer], index);
            AttentionDeltas?[]? attention = _attention[layer] is { } own
                ? [.. from.Select(i => own[i] is { } d ? new AttentionDeltas(Shared(d.Query), Shared(d.Key), Shared(d.Value)) : null)]
                : null;
            FeedForwardDeltas?[]? feedForward = _feedForward[layer] is { } mine
                ? [.. from.Select(i => mine[i] is { } d ? new FeedForwardDeltas(Shared(d.Gate), Shared(d.Up)) : null)]
                : null;
            Forget(layer);
            (_weights[layer], _pools[layer], _attention[layer], _feedForward[layer]) = (weights, pool, attention, feedForward);
            _decided[layer] = _decided[layer] is { } decided ? [.. from.Select(i => decided[i])] : null;
        }
    }

    public void Dispose()
    {
        for (int layer = 0; layer < layers; layer++)
        {
            Forget(layer);
        }
    }

    // New values where a sequence decides now, its old ones where it had decided.
    private static Tensor? Joined(bool[] now, bool[] before, Tensor? fresh, Tensor? old)
    {
        if (fresh is null || old is null || !now.Zip(before).Any(pair => pair.Second && !pair.First))
        {
            return fresh;
        }

        using Tensor decides = tensor(now, [now.Length, 1], device: fresh.device);
        return where(decides, fresh, old);
    }

    private static Tensor? Picked(Tensor? rows, Tensor index)
    {
        using Tensor? own = rows is null ? null : index.to(rows.device);
        return rows?.index_select(0, own!).DetachFromDisposeScope();
    }

    // Two beams may share a change: each has a handle of its own. The gain belongs to the model.
    private static WeightDelta? Shared(WeightDelta? delta) => delta is null ? null : delta with
    {
        Down = delta.Down?.alias().DetachFromDisposeScope(),
        Up = delta.Up?.alias().DetachFromDisposeScope(),
        Full = delta.Full?.alias().DetachFromDisposeScope(),
        Bias = delta.Bias?.alias().DetachFromDisposeScope(),
    };

    private void Forget(int layer)
    {
        _weights[layer]?.Dispose();
        _pools[layer]?.Dispose();
        foreach (AttentionDeltas? deltas in _attention[layer] ?? [])
        {
            AffineAdapter.DisposeDelta(deltas?.Query);
            AffineAdapter.DisposeDelta(deltas?.Key);
            AffineAdapter.DisposeDelta(deltas?.Value);
        }

        foreach (FeedForwardDeltas? deltas in _feedForward[layer] ?? [])
        {
            AffineAdapter.DisposeDelta(deltas?.Gate);
            AffineAdapter.DisposeDelta(deltas?.Up);
        }

        (_weights[layer], _pools[layer], _attention[layer], _feedForward[layer]) = (null, null, null, null);
    }
}
