using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Sequences;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests;

/// <summary>The product's decoder at a small size, with random weights large enough that attention is far from uniform and gains that differ from 1.</summary>
internal sealed class SmallModel : IDisposable
{
    public const int Layers = 4;

    private readonly Ops _ops;
    private readonly RandomWeights _source;

    /// <param name="without">Layers whose attention weights are left out of the checkpoint.</param>
    public SmallModel(params int[] without)
        : this(ScalarType.Float32, without)
    {
    }

    public SmallModel(ScalarType type, params int[] without)
    {
        _ops = new Ops(CPU, type, threads: 1);
        DecoderSpec config = new()
        {
            HiddenSize = 32,
            IntermediateSize = 44,
            Layers = Layers,
            Heads = 4,
            KeyValueHeads = 2,
            HeadSize = 8,
            VocabularySize = 40,
            Rotary = new RotaryConfig { Theta = 10000, Dimensions = 8, MaxPositions = 256 },
        };
        _source = new RandomWeights(config, ScalarType.Float32, seed: 3);
        IWeightSource partial = _source.Where(name => !without.Any(layer => name.StartsWith($"model.layers.{layer}.self_attn.", StringComparison.Ordinal)));
        DecoderWeights weights = DecoderWeights.Load(partial, "model.", "lm_head", config, new WeightPolicy(CPU, type, type));
        using (no_grad())
        using (Generator generator = new(7, CPU))
        {
            foreach ((string _, Tensor tensor) in weights.Named("model.", "lm_head"))
            {
                using Tensor gain = rand(tensor.shape, generator: generator).mul_(2).add_(0.2);
                _ = tensor.dim() == 2 ? tensor.mul_(8) : tensor.copy_(gain);
            }
        }

        Decoder = new Decoder(config, weights, _ops, config.Describe("small"));
    }

    public Decoder Decoder { get; }

    public DecoderInfo Info => Decoder.Info;

    /// <summary>Adapters of both kinds in every layer; random ones have ways up that are not zero.</summary>
    public EasAdapters Adapters(bool random, IReadOnlySet<int>? skipped = null)
    {
        using IDisposable quiet = no_grad();
        using Generator generator = new(11, CPU);
        EasAdapters adapters = EasAdapters.Fresh(Info, new AdapterShape(8, 12), skipped, generator);
        foreach ((string name, Tensor tensor) in adapters.Named().Where(pair => pair.Name.Contains("conv_B", StringComparison.Ordinal) || pair.Name.Contains("conv_D", StringComparison.Ordinal)))
        {
            using Tensor values = randn(tensor.shape, generator: generator).mul_(0.3);
            _ = random ? tensor.copy_(values) : tensor.zero_();
        }

        return adapters;
    }

    public EasRouter Router(EasAdapters adapters, EasSettings settings, params int[] skipped) => new(adapters, skipped.ToHashSet(), settings);

    public static SequenceLayout Prompt(int rows) => SequenceLayout.Create([new Sequences.Span(SpanKind.Text, rows)]);

    /// <summary>Embedding rows of a prompt: a function of the seed.</summary>
    public Tensor Rows(int count, ulong seed)
    {
        using Generator generator = new(seed, CPU);
        return randn([count, Info.HiddenSize], generator: generator);
    }

    /// <summary>A prompt's prefill and some given tokens after it.</summary>
    /// <returns>Logits of the last row after each forward, <c>[forwards, samples, V]</c>, and every layer's cache rows of the first sample.</returns>
    public (float[] Logits, int[] Cache) Run(IReadOnlyList<Tensor> prompts, ILayerRouter? router, int steps = 0, IDecoderTrace? trace = null, int[]? select = null)
    {
        using IDisposable quiet = no_grad();
        using DisposeScope scope = NewDisposeScope();
        SequenceLayout[] layouts = [.. prompts.Select(rows => Prompt((int)rows.size(0)))];
        HookTable? table = router is null ? null : HookTableBuilder.Build(Info, [router]);
        using RequestContext request = new(Info, layouts, table, trace, new KvCache(Layers, prompts.Count, steps));
        using ForwardState state = Decoder.Begin(request, DecoderPhase.Prefill, layouts);
        Tensor packed = cat([zeros(0, Info.HiddenSize), .. prompts], 0).to_type(_ops.Type); // of a single tensor, cat gives that tensor itself, and the decoder consumes what it gets
        List<float> logits = [];
        void Keep(Tensor last) => logits.AddRange(last.data<float>().ToArray());
        Keep(Decoder.LastLogits(state, Decoder.Run(state, packed, CancellationToken.None)));
        if (select is not null)
        {
            request.Select(select);
        }

        for (int step = 0; step < steps; step++)
        {
            int samples = select?.Length ?? prompts.Count;
            request.Step = step + 1;
            SequenceLayout[] next = [.. Enumerable.Range(0, samples).Select(sample => SequenceLayout.Create([new Sequences.Span(SpanKind.Generated, 1)], [request.NextPosition(sample)]))];
            using ForwardState decoding = Decoder.Begin(request, DecoderPhase.Decode, next);
            int[] tokens = [.. Enumerable.Range(0, samples).Select(sample => (5 + (7 * step) + (select?[sample] ?? sample)) % 40)];
            Keep(Decoder.LastLogits(decoding, Decoder.Run(decoding, Decoder.Embed(tokens), CancellationToken.None)));
            for (int sample = 0; sample < samples; sample++)
            {
                request.Advance(sample, 1);
            }
        }

        return ([.. logits], [.. Enumerable.Range(0, Layers).Select(layer => request.Cache!.Length(layer, 0))]);
    }

    public void Dispose()
    {
        Decoder.Dispose();
        _source.Dispose();
        _ops.Dispose();
    }
}
