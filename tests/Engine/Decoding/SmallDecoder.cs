using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Tests;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>The small model that all tests share, over weights that a reference can read, with what tests of the decoder itself ask of it.</summary>
internal sealed class SmallDecoder(DecoderSpec? config = null, ScalarType type = ScalarType.Float32, long seed = 1)
    : SmallModel(config ?? ConfigOf(), spec => new NoiseWeights(spec, seed), type, visualTokens: 6)
{
    public const int Vocabulary = 40;

    public NoiseWeights Source => (NoiseWeights)Weights;

    public static DecoderSpec ConfigOf(
        int layers = 3, int heads = 4, int keyValueHeads = 2, int headSize = 8, int window = 0, int firstWindowLayer = 0, bool bias = false) => new()
        {
            HiddenSize = 24,
            IntermediateSize = 40,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadSize = headSize,
            VocabularySize = Vocabulary,
            NormEpsilon = 1e-5,
            QueryKeyValueBias = bias,
            SlidingWindow = window,
            FirstWindowLayer = firstWindowLayer,
            Rotary = new RotaryConfig { Dimensions = headSize },
        };

    /// <summary>Ids that differ from sequence to sequence.</summary>
    public static int[] Ids(int count, int seed = 0) => [.. Enumerable.Range(0, count).Select(i => ((i * 7) + (seed * 13) + (i * i * 3)) % Vocabulary)];

    public static SequenceLayout LayoutOf(int rows) => SequenceLayout.Create([new Span(SpanKind.Text, rows)]);

    /// <summary>A prompt with an image of six places after two rows of text.</summary>
    public static SequenceLayout WithImage(int rows) => SequenceLayout.Create(
    [
        new Span(SpanKind.System, 2),
        new Span(SpanKind.Image, 6) { Image = 0, Grid = new VisualGrid(2, 3) },
        new Span(SpanKind.Text, rows - 8),
    ]);

    public RequestContext Begin(
        IReadOnlyList<SequenceLayout> layouts, HookTable? table = null, IDecoderTrace? trace = null, bool cached = true,
        CacheFormat format = CacheFormat.Computed)
        => new(Decoder.Info, layouts, table, trace, cached ? new KvCache(Config.Layers, layouts.Count, 2, format) : null);

    /// <summary>Logits of all rows that are left after one forward.</summary>
    public Tensor Forward(RequestContext request, DecoderPhase phase, IReadOnlyList<SequenceLayout> layouts, params int[] ids)
    {
        using IDisposable mode = inference_mode();
        using ForwardState state = Decoder.Begin(request, phase, layouts);
        using Tensor rows = Decoder.Run(state, Decoder.Embed(ids), CancellationToken.None);
        return Decoder.Logits(rows, state.Rows);
    }

    /// <summary>Logits of all rows that are left after the prompts have run.</summary>
    public Tensor Prefill(IReadOnlyList<SequenceLayout> layouts, int[] ids, HookTable? table = null, bool cached = true)
    {
        using RequestContext request = Begin(layouts, table, cached: cached);
        return Forward(request, DecoderPhase.Prefill, layouts, ids);
    }

    /// <summary>Logits after the next rows have run onto the cache, one list of ids a sequence.</summary>
    public Tensor Continue(RequestContext request, DecoderPhase phase, params int[][] ids)
    {
        SequenceLayout[] layouts = [.. ids.Select((own, sample) => SequenceLayout.Create(
            [new Span(SpanKind.Generated, own.Length)], [.. Enumerable.Range(request.NextPosition(sample), own.Length)]))];
        request.Step++;
        Tensor logits = Forward(request, phase, layouts, [.. ids.SelectMany(own => own)]);
        for (int sample = 0; sample < layouts.Length; sample++)
        {
            request.Advance(sample, layouts[sample].Count);
        }

        return logits;
    }

    public HookTable Table(params IDecoderMethod[] methods) => HookTableBuilder.Build(Decoder.Info, methods);
}
