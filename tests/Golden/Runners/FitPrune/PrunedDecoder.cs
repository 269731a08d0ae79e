using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.FitPrune;
using Aperture.Sequences;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FitPrune;

/// <summary>The decoder of a case, in float32 on the CPU, through the loader that opens published checkpoints.</summary>
internal sealed class PrunedDecoder : IDisposable
{
    private readonly Ops _ops = new(CPU, ScalarType.Float32);

    public PrunedDecoder(JsonElement config, IWeightSource weights, int visualTokens)
    {
        DecoderSpec parsed = DecoderSpec.Parse(config, "config");
        DecoderWeights loaded = DecoderWeights.Load(weights, "model.", "lm_head", parsed, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32));
        Decoder = new Decoder(parsed, loaded, _ops, new DecoderInfo
        {
            Model = "recorded case",
            Layers = parsed.Layers,
            HiddenSize = parsed.HiddenSize,
            IntermediateSize = parsed.IntermediateSize,
            Heads = parsed.Heads,
            KeyValueHeads = parsed.KeyValueHeads,
            HeadSize = parsed.HeadSize,
            VocabularySize = parsed.VocabularySize,
            VisualTokens = visualTokens,
        });
    }

    public Decoder Decoder { get; }

    public Ops Ops => _ops;

    /// <summary>A FitPrune reducer with these deletions, made as a user's options make it.</summary>
    public ITokenReducer Reducer(int[] delete)
    {
        using JsonDocument options = JsonDocument.Parse($$"""{"Recipe":[{{string.Join(',', delete)}}]}""");
        return (ITokenReducer)new FitPruneFactory().Create(options.RootElement, Decoder.Info, new FactoryFiles());
    }

    /// <summary>One image between a prefix and a question.</summary>
    public static SequenceLayout Layout(int prefix, int visual, int text) => SequenceLayout.Create(
    [
        new Span(SpanKind.System, prefix),
        new Span(SpanKind.Image, visual) { Image = 0, Grid = new VisualGrid(1, visual) },
        new Span(SpanKind.Text, text),
    ]);

    /// <summary>Runs a prompt without keeping anything but what the trace takes.</summary>
    public void Prefill(Tensor embeddings, SequenceLayout layout, ITokenReducer reducer, IDecoderTrace? trace, CancellationToken cancellationToken)
    {
        using IDisposable grad = no_grad();
        HookTable table = HookTableBuilder.Build(Decoder.Info, [reducer]);
        using RequestContext request = new(Decoder.Info, [layout], table, trace, new KvCache(Decoder.Info.Layers, 1, 0));
        using ForwardState state = Decoder.Begin(request, DecoderPhase.Prefill, [layout]);
        Decoder.Run(state, embeddings.clone(), cancellationToken).Dispose();
    }

    public void Dispose()
    {
        Decoder.Dispose();
        _ops.Dispose();
    }
}
