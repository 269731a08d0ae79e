using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FitPrune.Tests;

/// <summary>The product's decoder at a small size, with random weights large enough that attention is far from uniform.</summary>
internal sealed class SmallModel : IDisposable
{
    private readonly Ops _ops = new(CPU, ScalarType.Float32);
    private readonly RandomWeights _source;
    private readonly DecoderWeights _weights;

    public SmallModel(int layers = 4, int heads = 4, int keyValueHeads = 2)
    {
        Config = new DecoderSpec
        {
            HiddenSize = 8 * heads,
            IntermediateSize = 44,
            Layers = layers,
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadSize = 8,
            VocabularySize = 40,
            Rotary = new RotaryConfig { Theta = 10000, Dimensions = 8, MaxPositions = 256 },
        };
        _source = new RandomWeights(Config, ScalarType.Float32, seed: 3);
        _weights = DecoderWeights.Load(_source, "model.", "lm_head", Config, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32));
        using IDisposable grad = no_grad();
        foreach ((string _, Tensor tensor) in _weights.Named("model.", "lm_head").Where(w => w.Tensor.dim() == 2))
        {
            tensor.mul_(15);
        }

        Decoder = new Decoder(Config, _weights, _ops, new DecoderInfo
        {
            Model = "small",
            Layers = layers,
            HiddenSize = Config.HiddenSize,
            IntermediateSize = Config.IntermediateSize,
            Heads = heads,
            KeyValueHeads = keyValueHeads,
            HeadSize = Config.HeadSize,
            VocabularySize = Config.VocabularySize,
        });
    }

    public DecoderSpec Config { get; }

    public Decoder Decoder { get; }

    public DecoderWeights Weights => _weights;

    /// <summary>Embedding rows of a sequence: a function of the seed.</summary>
    public Tensor Rows(SequenceLayout layout, ulong seed)
    {
        using Generator generator = new(seed, CPU);
        return randn([layout.Count, Config.HiddenSize], dtype: ScalarType.Float32, generator: generator);
    }

    /// <summary>Runs prompts; gives the packed rows after the last layer and their layouts.</summary>
    public (Tensor Rows, SequenceLayout[] Layouts) Prefill(IReadOnlyList<SequenceLayout> prompts, IReadOnlyList<Tensor> rows, ITokenReducer? reducer, IDecoderTrace? trace = null, KvCache? cache = null)
    {
        using IDisposable grad = no_grad();
        HookTable? table = reducer is null ? null : HookTableBuilder.Build(Decoder.Info, [reducer]);
        using RequestContext request = new(Decoder.Info, prompts, table, trace, cache ?? new KvCache(Config.Layers, prompts.Count, 0));
        using ForwardState state = Decoder.Begin(request, DecoderPhase.Prefill, prompts);
        using Tensor nothing = zeros(0, Config.HiddenSize);
        Tensor packed = cat([nothing, .. rows], 0); // of a single tensor, cat gives that tensor itself, and the decoder consumes what it gets
        Tensor output = Decoder.Run(state, packed, CancellationToken.None);
        return (output, [.. Enumerable.Range(0, prompts.Count).Select(state.Layout)]);
    }

    public void Dispose()
    {
        Decoder.Dispose();
        _source.Dispose();
        _ops.Dispose();
    }
}
