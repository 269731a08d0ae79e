using System.Diagnostics.CodeAnalysis;
using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Tests;

/// <summary>The product's decoder at a small size, with random weights large enough that attention is far from uniform.</summary>
[SuppressMessage("Performance", "CA1852", Justification = "Some of the test projects that it is linked to derive from it.")]
internal class SmallModel : IDisposable
{
    /// <param name="layers">Layers.</param>
    /// <param name="heads">Query heads of 8 channels each, which together are as wide as the rows.</param>
    /// <param name="keyValueHeads">Key and value heads.</param>
    /// <param name="type">What it computes in.</param>
    /// <param name="has">Which weights the checkpoint has; null for all.</param>
    /// <param name="change">Changes a weight in place; null multiplies matrices by 15.</param>
    public SmallModel(
        int layers = 4,
        int heads = 4,
        int keyValueHeads = 2,
        ScalarType type = ScalarType.Float32,
        Func<string, bool>? has = null,
        Action<string, Tensor>? change = null)
        : this(SpecOf(layers, heads, keyValueHeads), spec => new RandomWeights(spec, ScalarType.Float32, seed: 3).Where(has ?? (_ => true)), type)
    {
        using (no_grad())
        using (NewDisposeScope())
        {
            foreach ((string name, Tensor tensor) in Decoder.Weights.Named("model.", "lm_head"))
            {
                (change ?? Sharpen)(name, tensor);
            }
        }
    }

    /// <summary>Over other weights, as they are.</summary>
    /// <param name="config">The decoder.</param>
    /// <param name="weights">Makes its weights, which this owns.</param>
    /// <param name="type">What it computes in.</param>
    /// <param name="visualTokens">How many tokens a picture stands for; 0 if that varies.</param>
    protected SmallModel(DecoderSpec config, Func<DecoderSpec, IWeightSource> weights, ScalarType type, int visualTokens = 0)
    {
        Config = config;
        Ops = new Ops(CPU, type, threads: 1);
        Weights = weights(config);
        DecoderWeights loaded = DecoderWeights.Load(Weights, "model.", "lm_head", config, new WeightPolicy(CPU, type, type));
        Decoder = new Decoder(config, loaded, Ops, config.Describe("small", visualTokens));
    }

    public DecoderSpec Config { get; }

    public Ops Ops { get; }

    public Decoder Decoder { get; }

    /// <summary>What the decoder was loaded from.</summary>
    protected IWeightSource Weights { get; }

    public DecoderInfo Info => Decoder.Info;

    /// <summary>Multiplies a matrix by 15; vectors stay.</summary>
    public static void Sharpen(string name, Tensor tensor)
    {
        if (tensor.dim() == 2)
        {
            tensor.mul_(15);
        }
    }

    /// <summary>Embedding rows <c>[count, d]</c>: a function of the seed.</summary>
    public Tensor Rows(int count, ulong seed)
    {
        using Generator generator = new(seed, CPU);
        return randn([count, Config.HiddenSize], dtype: ScalarType.Float32, generator: generator);
    }

    /// <summary>Embedding rows of a sequence: a function of the seed.</summary>
    public Tensor Rows(SequenceLayout layout, ulong seed) => Rows(layout.Count, seed);

    /// <summary>Rows of several prompts one after the other, in a tensor of its own, which a forward may consume.</summary>
    public Tensor Packed(IReadOnlyList<Tensor> rows)
    {
        using Tensor nothing = zeros(0, Config.HiddenSize);
        using Tensor packed = cat([nothing, .. rows], 0); // of a single tensor, cat gives that tensor itself
        return packed.to(Ops.Type, copy: true); // [rows, d]
    }

    /// <summary>Runs prompts; gives the packed rows after the last layer and their layouts.</summary>
    public (Tensor Rows, SequenceLayout[] Layouts) Prefill(
        IReadOnlyList<SequenceLayout> prompts, IReadOnlyList<Tensor> rows, ITokenReducer? reducer, IDecoderTrace? trace = null, KvCache? cache = null)
    {
        using IDisposable grad = no_grad();
        HookTable? table = reducer is null ? null : HookTableBuilder.Build(Info, [reducer]);
        using RequestContext request = new(Info, prompts, table, trace, cache ?? new KvCache(Config.Layers, prompts.Count, 0));
        using ForwardState state = Decoder.Begin(request, DecoderPhase.Prefill, prompts);
        Tensor output = Decoder.Run(state, Packed(rows), CancellationToken.None);
        return (output, [.. Enumerable.Range(0, prompts.Count).Select(state.Layout)]);
    }

    public void Dispose()
    {
        Decoder.Dispose();
        Weights.Dispose();
        Ops.Dispose();
    }

    private static DecoderSpec SpecOf(int layers, int heads, int keyValueHeads) => new()
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
}
