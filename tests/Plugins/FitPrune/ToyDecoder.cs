using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FitPrune.Tests;

/// <summary>
/// A decoder without hidden rows: each layer's attention map is a causal softmax over fixed random logits of the rows that are left. It carries selections out
/// like the host does.
/// </summary>
internal sealed class ToyDecoder : IReducerSites, ILayerContext, IRequestContext, IAttentionStatistics, IDecoderTrace
{
    private readonly float[] _logits;
    private readonly int _width;
    private readonly SequenceLayout[] _prompts;
    private readonly SequenceLayout[] _current;
    private readonly Dictionary<int, List<AfterAttentionHook>> _hooks = [];
    private readonly Dictionary<IDecoderMethod, ISequenceState?> _states = [];
    private int[] _offsets = [];

    public ToyDecoder(int layers, int heads, int seed, params SequenceLayout[] prompts)
    {
        Decoder = new DecoderInfo
        {
            Model = "toy",
            Layers = layers,
            HiddenSize = 8 * heads,
            IntermediateSize = 24 * heads,
            Heads = heads,
            KeyValueHeads = heads,
            HeadSize = 8,
            VocabularySize = 10,
        };
        _prompts = prompts;
        _current = [.. prompts];
        _width = prompts.Max(p => p.OriginalCount);
        Random random = new(seed);
        _logits = new float[layers * heads * _width * _width];
        for (int i = 0; i < _logits.Length; i++)
        {
            _logits[i] = (float)(4 * random.NextDouble());
        }
    }

    public DecoderInfo Decoder { get; }

    public IRequestContext Request => this;

    public int Layer { get; private set; }

    public DecoderPhase Phase => DecoderPhase.Prefill;

    public int Samples => _prompts.Length;

    public ReadOnlySpan<int> Offsets => _offsets;

    public Tensor? Labels => null;

    public int Step { get; init; }

    public bool Listening { get; init; } = true;

    public IDecoderTrace? Trace => Listening ? this : null;

    public long Macs { get; private set; }

    /// <summary>How often attention was asked for, per layer.</summary>
    public List<int> Asked { get; } = [];

    /// <summary>Named values by layer, sample and name.</summary>
    public Dictionary<(int Layer, int Sample, string Name), float[]> Values { get; } = [];

    public SequenceLayout Layout(int sample) => _current[sample];

    public SequenceLayout Prompt(int sample) => _prompts[sample];

    public int CacheLength(int sample) => _current[sample].Count;

    /// <summary>Runs all layers and gives the layouts that leave each.</summary>
    public List<SequenceLayout[]> Run(ITokenReducer reducer)
    {
        reducer.Declare(this);
        _states[reducer] = reducer.Begin(this);
        List<SequenceLayout[]> layouts = [];
        for (Layer = 0; Layer < Decoder.Layers; Layer++)
        {
            foreach (AfterAttentionHook hook in _hooks.GetValueOrDefault(Layer, []))
            {
                _offsets = [0, .. _current.Select((_, i) => _current.Take(i + 1).Sum(c => c.Count))];
                RowSelection? selection = hook(this, this);
                for (int s = 0; selection is not null && s < Samples; s++)
                {
                    _current[s] = selection[s] is { } keep ? _current[s].Keep(keep) : _current[s];
                }
            }

            layouts.Add([.. _current]);
        }

        return layouts;
    }

    public void AfterAttention(int layer, DecoderPhase phases, AfterAttentionHook hook)
    {
        if (phases.HasFlag(DecoderPhase.Prefill))
        {
            _hooks.TryAdd(layer, []);
            _hooks[layer].Add(hook);
        }
    }

    public IReadOnlyCollection<int> HookedLayers => _hooks.Keys;

    public Tensor ColumnSums(int sample, HeadReduction reduction, IReadOnlyList<int[]> groups)
    {
        Asked.Add(Layer);
        float[,,] map = Map(sample);
        int keys = map.GetLength(2);
        float[] sums = new float[groups.Count * keys];
        for (int g = 0; g < groups.Count; g++)
        {
            foreach (int row in groups[g])
            {
                for (int j = 0; j < keys; j++)
                {
                    IEnumerable<float> heads = Enumerable.Range(0, Decoder.Heads).Select(h => map[h, row, j]);
                    sums[(g * keys) + j] += reduction == HeadReduction.Max ? heads.Max() : heads.Average();
                }
            }
        }

        return tensor(sums, [groups.Count, keys]);
    }

    public void RowBlocks(int sample, int[] rows, Action<int[], Tensor> block)
    {
        using Tensor map = tensor(Map(sample));
        using Tensor index = tensor(Array.ConvertAll(rows, r => (long)r));
        using Tensor chosen = map.index_select(1, index);
        block(rows, chosen);
    }

    public T State<T>(IDecoderMethod method)
        where T : class, ISequenceState => (T)_states[method]!;

    public void Value(ILayerContext context, int sample, string name, Tensor value)
    {
        using Tensor single = value.to(ScalarType.Float32);
        Values[(context.Layer, sample, name)] = single.data<float>().ToArray();
    }

    public void MethodMacs(string method, long macs) => Macs += macs;

    public Tensor? Shared(string name) => null;

    public void Share(string name, Tensor tensor) => throw new NotSupportedException();

    public void AddLoss(string name, Tensor loss) => throw new NotSupportedException();

    public void BeforeProjector(BeforeProjectorHook hook) => throw new NotSupportedException();

    public void BeforeEncoder(BeforeEncoderHook hook) => throw new NotSupportedException();

    public void BeforeDecoder(BeforeDecoderHook hook) => throw new NotSupportedException();

    public void BeforeLayer(int layer, DecoderPhase phases, BeforeLayerHook hook) => throw new NotSupportedException();

    public void AfterLayer(int layer, DecoderPhase phases, bool needsAttention, AfterLayerHook hook) => throw new NotSupportedException();

    /// <summary>The layer's attention probabilities of a sample's current rows, <c>[heads, rows, rows]</c>.</summary>
    public float[,,] Map(int sample)
    {
        int[] rows = _current[sample].Original.ToArray();
        float[,,] map = new float[Decoder.Heads, rows.Length, rows.Length];
        for (int h = 0; h < Decoder.Heads; h++)
        {
            for (int i = 0; i < rows.Length; i++)
            {
                float[] exps =
                [
                    .. Enumerable.Range(0, i + 1).Select(j => MathF.Exp(_logits[((((Layer * Decoder.Heads) + h) * _width) + rows[i]) * _width + rows[j]])),
                ];
                float sum = exps.Sum();
                for (int j = 0; j <= i; j++)
                {
                    map[h, i, j] = exps[j] / sum;
                }
            }
        }

        return map;
    }

    /// <summary>One image between a prefix and a question.</summary>
    public static SequenceLayout Prompt(int prefix, int visual, int text) => SequenceLayout.Create(
    [
        new Span(SpanKind.System, prefix),
        new Span(SpanKind.Image, visual) { Image = 0, Grid = new VisualGrid(1, visual) },
        new Span(SpanKind.Text, text),
    ]);
}
