using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// One call of a layer that somebody hooks or traces: runs the hooks of its sites, keeps queries and keys as long as statistics may be asked for, and counts
/// the work.
/// </summary>
internal sealed class LayerCall
{
    private readonly ForwardState _outer;
    private readonly DecoderLayerWeights _weights;
    private readonly LayerHooks _hooks;
    private readonly IDecoderTrace? _trace;
    private readonly LayerContext _context;
    private readonly int[] _attentionRows;
    private readonly int[] _keys;
    private readonly int[] _feedForwardRows;
    private readonly SequenceLayout?[] _computed; // per sample: rows that did not pass by
    private readonly List<Tensor> _held = []; // alive while hooks run, disposed here only if one throws
    private AttentionStatistics? _statistics;
    private Tensor? _queries;
    private Tensor? _newKeys;
    private List<Tensor>? _keyViews;
    private int[][]? _kept; // per sample: rows left since attention; null while all are
    private int[] _attended = [];
    private HashSet<long>?[]? _forgotten; // per sample: dropped rows that are to leave the caches

    public LayerCall(ForwardState outer, int layer, DecoderLayerWeights weights, LayerHooks hooks)
    {
        _weights = weights;
        _outer = outer;
        _hooks = hooks;
        _trace = outer.Request.Trace;
        Layer = layer;
        _context = new LayerContext(outer, layer, weights);
        _attentionRows = new int[outer.Samples];
        _keys = new int[outer.Samples];
        _feedForwardRows = new int[outer.Samples];
        _computed = new SequenceLayout?[outer.Samples];
    }

    public int Layer { get; }

    // Statistics over the rows that are left: what a hook says of rows is said of the current ones.
    private IAttentionStatistics? CurrentStatistics
        => _kept is null || _statistics is null ? _statistics : new RemainingStatistics(_statistics, _kept, _attended);

    /// <summary>Calls the hooks before the layer.</summary>
    /// <param name="x">Packed rows; consumed where a hook replaces them.</param>
    /// <returns>The rows that enter the layer.</returns>
    public Tensor BeforeLayer(Tensor x)
    {
        foreach (BeforeLayerHook hook in _hooks.BeforeLayer ?? [])
        {
            if (hook(_context, x) is { } given && !ReferenceEquals(given, x))
            {
                Tensor next = Hold(Rows.Accept(given, x.dtype));
                x.Dispose();
                x = next;
            }
        }

        _trace?.LayerInput(_context, x);
        return x;
    }

    public AttentionInput? BeforeAttention(ForwardState state, Tensor n)
    {
        AttentionInput? changed = null;
        foreach (BeforeAttentionHook hook in _hooks.BeforeAttention ?? [])
        {
            AttentionInput? next = hook(ContextOf(state), changed?.Rows ?? n);
            if (next is null)
            {
                continue;
            }

            if (changed?.Deltas is not null && next.Deltas is not null)
            {
                throw new ApertureException($"Two methods change the weights of layer {Layer}'s attention for one sequence; use one of them.");
            }

            if (next.Rows is { } given)
            {
                Hold(given);
                if (changed?.Rows is { } before && !ReferenceEquals(before, given) && !ReferenceEquals(before, n))
                {
                    before.Dispose();
                }
            }

            changed = new AttentionInput { Rows = next.Rows ?? changed?.Rows, Deltas = next.Deltas ?? changed?.Deltas };
        }

        return changed;
    }

    /// <summary>Attention has run; queries and keys are taken over.</summary>
    public void Attended(ForwardState state, Attention attention, Ops ops, Tensor queries, Tensor newKeys, DecoderSpec spec, int window)
    {
        bool wanted = _hooks.AfterAttention is not null || _hooks.AfterLayerNeedsAttention || _trace?.WantsAttention(Layer) == true;
        if (!wanted)
        {
            queries.Dispose();
            newKeys.Dispose();
            return;
        }

        if (state.HasPrivate)
        {
            throw new ApertureException(
                $"Attention statistics of layer {Layer} are asked for, but the sequence has a row that no other row attends to (a modality token); "
                + "use methods that do not read attention.");
        }

        _queries = queries;
        _newKeys = newKeys;
        _keyViews = [];
        int[] offsets = [.. state.Offsets];
        _attended = [.. Enumerable.Range(0, state.Samples).Select(s => offsets[s + 1] - offsets[s])];
        int[][] positions = [.. Enumerable.Range(0, state.Samples).Select(s => state.Layout(s).Positions.ToArray())];
        _statistics = new AttentionStatistics(attention, ops, queries, offsets, spec.Heads, sample =>
        {
            int rows = offsets[sample + 1] - offsets[sample];
            LayerCache? cache = state.Cache?[Layer, sample];
            int count = cache?.Length ?? rows, before = count - rows;
            Tensor keys;
            int[] keyPositions;

            // A prompt attends to its own rows as they are, not as a cache in fewer bits keeps them; so do its statistics.
            if (cache is not null && (before > 0 || !cache.IsNarrowed))
            {
                keys = cache.Keys();
                keyPositions = cache.Positions.ToArray();
            }
            else
            {
                using Tensor packed = newKeys.narrow(0, offsets[sample], rows);
                keys = packed.transpose(0, 1);
                keyPositions = positions[sample];
            }

            _keyViews?.Add(keys);
            return new SampleKeys(keys, count, row => before + row + 1, row => AttentionMasks.FirstVisible(positions[sample][row], keyPositions, window));
        });
        if (_trace?.WantsAttention(Layer) == true)
        {
            _trace.LayerAttention(ContextOf(state), _statistics);
        }
    }

    /// <summary>Calls the hooks after attention; rows they drop leave the state.</summary>
    /// <returns>Packed indices, relative to the rows that attended, of those that go on; null if all do.</returns>
    public int[]? AfterAttention(ForwardState state)
    {
        int[]? kept = null;
        foreach (AfterAttentionHook hook in _hooks.AfterAttention ?? [])
        {
            if (hook(ContextOf(state), CurrentStatistics!) is { KeepsAll: false } selection)
            {
                int[] indices = Keep(state, selection);
                kept = kept is null ? indices : [.. indices.Select(i => kept[i])];
            }
        }

        return kept;
    }

    public void DisposeQueries()
    {
        if (!_hooks.AfterLayerNeedsAttention)
        {
            ReleaseStatistics();
        }
    }

    public void CountAttention(int sample, int rows, int keys)
    {
        _attentionRows[sample] += rows;
        _keys[sample] = Math.Max(_keys[sample], keys);
    }

    public void CountFeedForward(ForwardState state)
    {
        for (int sample = 0; sample < state.Samples; sample++)
        {
            _feedForwardRows[sample] += state.Layout(sample).Count;
            CountComputed(state, sample);
        }
    }

    /// <summary>Notes that a sample's rows did not pass by.</summary>
    public void CountComputed(ForwardState state, int sample)
    {
        if (state.Layout(sample).Count > 0)
        {
            _computed[sample] = state.Layout(sample);
        }
    }

    /// <summary>Counts rows that a composite sent through the feed-forward network.</summary>
    public void CountFeedForward(int sample, int rows) => _feedForwardRows[sample] += rows;

    public void TraceCache(ForwardState state, int sample, LayerCache? cache, Tensor newKeys, Tensor newValues)
    {
        if (_trace?.WantsCache(Layer) != true)
        {
            return;
        }

        (Tensor keys, Tensor values) = cache?.View() ?? (newKeys.alias(), newValues.alias());
        using (keys)
        using (values)
        {
            _trace.LayerCache(ContextOf(state), sample, keys, values);
        }
    }

    public Tensor AfterLayer(ForwardState state, Tensor x)
    {
        Hold(x);
        foreach (AfterLayerHook hook in _hooks.AfterLayer ?? [])
        {
            if (hook(_context, x, CurrentStatistics) is { KeepsAll: false } selection)
            {
                using Tensor index = tensor([.. Keep(state, selection).Select(row => (long)row)], device: x.device);
                x = Hold(Rows.Select(x, index));
            }
        }

        ReleaseStatistics();
        Forget(state);
        if (_trace is not null)
        {
            for (int sample = 0; sample < state.Samples; sample++)
            {
                _trace.LayerWork(_context, new LayerWork(
                    sample, _attentionRows[sample], _keys[sample], _feedForwardRows[sample], state.Cache?.Length(Layer, sample) ?? 0, state.Layout(sample),
                    Computed(state.Layout(sample), _computed[sample])));
            }

            _trace.LayerOutput(_context, x);
        }

        return x;
    }

    public ILayerContext ContextOf(ForwardState state) => state == _outer ? _context : new LayerContext(state, Layer, _weights);

    /// <summary>Names a tensor that is alive while hooks run, so that it is not lost if one throws.</summary>
    public Tensor Hold(Tensor tensor)
    {
        _held.Add(tensor);
        return tensor;
    }

    /// <summary>Gives up what the call still holds, after a hook has thrown.</summary>
    public void Abandon()
    {
        ReleaseStatistics();
        _held.ForEach(tensor => tensor.Dispose());
    }

    private static SequenceLayout Computed(SequenceLayout left, SequenceLayout? computed)
    {
        HashSet<int> original = computed is null ? [] : [.. computed.Original];
        int[] rows = [.. Enumerable.Range(0, left.Count).Where(row => original.Contains(left.Original[row]))];
        return rows.Length == left.Count ? left : left.Keep(rows);
    }

    private int[] Keep(ForwardState state, RowSelection selection)
    {
        if (selection.LeavesCaches && state.Cache is not null)
        {
            Note(state, selection);
        }

        if (_statistics is not null)
        {
            _kept ??= [.. _attended.Select(count => Enumerable.Range(0, count).ToArray())];
            _kept = [.. _kept.Select((rows, sample) => selection[sample] is { } keep ? keep.Select(row => rows[row]).ToArray() : rows)];
        }

        return state.Keep(selection);
    }

    private void Note(ForwardState state, RowSelection selection)
    {
        _forgotten ??= new HashSet<long>?[state.Samples];
        for (int sample = 0; sample < state.Samples; sample++)
        {
            if (selection[sample] is { } keep)
            {
                int[] original = state.Layout(sample).Original.ToArray();
                _forgotten[sample] ??= [];
                _forgotten[sample]!.UnionWith(
                    Enumerable.Range(0, original.Length).Except(keep).Select(row => LayerCache.Row(state.Request.Step, original[row])));
            }
        }
    }

    // Statistics read the layer's cache, so it shrinks only when no hook follows.
    private void Forget(ForwardState state)
    {
        for (int sample = 0; _forgotten is not null && sample < _forgotten.Length; sample++)
        {
            for (int layer = 0; layer <= Layer && _forgotten[sample] is not null; layer++)
            {
                state.Cache![layer, sample].Remove(_forgotten[sample]!, state.Cache.Reserve);
            }
        }
    }

    private void ReleaseStatistics()
    {
        _queries?.Dispose();
        _newKeys?.Dispose();
        _keyViews?.ForEach(view => view.Dispose());
        _queries = _newKeys = null;
        _keyViews = null;
        _statistics = null;
    }
}
