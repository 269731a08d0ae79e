using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins;
using Aperture.Plugins.GammaMod;
using Aperture.Sequences;
using Aperture.Training;
using Aperture.Weights;
using Microsoft.Extensions.Logging.Abstractions;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>
/// The decoder of a case in float32 on the CPU through the loader that opens published checkpoints, and gamma-MoD made as a user's options make it.
/// </summary>
internal sealed class RoutedDecoder : IDisposable
{
    private readonly Ops _ops = new(CPU, ScalarType.Float32, threads: 1);
    private readonly IWeightSource _weights;

    public RoutedDecoder(DecoderSpec config, IWeightSource weights)
    {
        _weights = weights;
        Decoder = new Decoder(
            config, DecoderWeights.Load(weights, "model.", "lm_head", config, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32)), _ops,
            config.Describe("recorded case"));
    }

    public Decoder Decoder { get; }

    public Ops Ops => _ops;

    public static DecoderSpec ConfigOf(GoldenCase golden) => DecoderSpec.Parse(golden.Config.GetProperty("llm"), golden.Name);

    public static IMethodFactory Factory() => new GammaModFactory(NullLogger<GammaModFactory>.Instance);

    /// <summary>The router of a case, with the thresholds it names.</summary>
    public static ILayerRouter Router(JsonElement config, int[] layers, DecoderInfo decoder, IWeightSource weights)
    {
        JsonObject options = new() { ["Layers"] = new JsonArray([.. layers.Select(layer => (JsonNode)layer)]) };
        foreach (string name in new[] { "prefillThreshold", "decodeThreshold" })
        {
            if (config.TryGetProperty(name, out JsonElement value))
            {
                options[name] = value.GetDouble();
            }
        }

        using JsonDocument json = JsonDocument.Parse(options.ToJsonString());
        return (ILayerRouter)Factory().Create(json.RootElement, decoder, new FactoryFiles(checkpoint: weights));
    }

    public ILayerRouter Router(JsonElement config, int[] layers) => Router(config, layers, Decoder.Info, _weights);

    /// <summary>A case's one layer as a decoder of one layer; what stands around it is never used.</summary>
    public static (DecoderSpec Config, Dictionary<string, Tensor> Weights) OneLayer(GoldenCase golden)
    {
        DecoderSpec config = ConfigOf(golden) with { Layers = 1 };
        string prefix = $"model.layers.{golden.Config.GetProperty("layer").GetInt32()}.";
        IWeightSource stored = golden.Weights();
        Dictionary<string, Tensor> weights = stored.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .ToDictionary(name => "model.layers.0." + name[prefix.Length..], name => stored.LoadCopy(name));
        weights["model.embed_tokens.weight"] = zeros(config.VocabularySize, config.HiddenSize);
        weights["model.norm.weight"] = ones(config.HiddenSize);
        weights["lm_head.weight"] = zeros(config.VocabularySize, config.HiddenSize);
        return (config, weights);
    }

    public static RoutedDecoder Of(DecoderSpec config, Dictionary<string, Tensor> weights) => new(config, new ParameterSource(weights, ScalarType.Float32));

    public static SequenceLayout Text(int rows) => SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Text, rows)]);

    /// <summary>Starts a request with room for some decode steps.</summary>
    public RequestContext Request(SequenceLayout layout, ILayerRouter? router, IDecoderTrace? trace, int steps)
        => new(
            Decoder.Info, [layout], router is null ? null : HookTableBuilder.Build(Decoder.Info, [router]), trace, new KvCache(Decoder.Info.Layers, 1, steps));

    /// <summary>Rows after the last layer.</summary>
    public Tensor Prefill(RequestContext request, Tensor rows)
    {
        using ForwardState state = Decoder.Begin(request, DecoderPhase.Prefill, [request.Prompt(0)]);
        return Decoder.Run(state, rows.clone(), CancellationToken.None);
    }

    /// <summary>One row after the last layer.</summary>
    public Tensor Decode(RequestContext request, Tensor row) => Decode(Decoder, request, row);

    public static Tensor Decode(Decoder decoder, RequestContext request, Tensor row)
    {
        SequenceLayout next = SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Generated, 1)], [request.NextPosition(0)]);
        request.Step++;
        using ForwardState state = decoder.Begin(request, DecoderPhase.Decode, [next]);
        Tensor after = decoder.Run(state, row.clone(), CancellationToken.None);
        request.Advance(0, 1);
        return after;
    }

    public static Tensor Whole(IEnumerable<int> values, params long[] shape)
    {
        long[] all = [.. values.Select(value => (long)value)];
        return shape.Length == 0 ? tensor(all) : tensor(all, shape);
    }

    public void Dispose()
    {
        Decoder.Dispose();
        _ops.Dispose();
    }
}
