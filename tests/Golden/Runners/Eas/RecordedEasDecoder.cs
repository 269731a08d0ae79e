using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Plugins.Eas;
using Aperture.Sequences;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>A case's LLaVA decoder with its adapters, in float32 on the CPU, loaded as published checkpoints are.</summary>
internal sealed class RecordedEasDecoder : IDisposable
{
    private readonly Ops _ops = new(CPU, ScalarType.Float32, threads: 1);

    public RecordedEasDecoder(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        DecoderSpec sizes = DecoderSpec.Parse(config.GetProperty("llm"), $"{golden.Area}/{golden.Name}");
        IWeightSource weights = golden.Weights();
        Decoder = new Decoder(
            sizes, DecoderWeights.Load(weights, "model.", "lm_head", sizes, WeightPolicy.For(CPU, ScalarType.Float32, ScalarType.Float32)), _ops,
            RecordedDecoder.InfoOf(sizes));
        AdapterShape shape = new(
            config.GetProperty("adapterDim").GetInt32(), config.GetProperty("piaDim").GetInt32(), config.GetProperty("scale").GetDouble(),
            config.GetProperty("temperature").GetDouble(), config.GetProperty("groups").GetInt32());
        Adapters = EasAdapters.Load(weights, Decoder.Info, shape, "the case");
        Skipped = [.. config.GetProperty("skipList").EnumerateArray().Select(layer => layer.GetInt32())];
        SkipList.Check(Skipped, Adapters, Decoder.Info);
        if (Decoder.Info.LayersWithoutAttention.Count > 0)
        {
            Assert.Equal(Skipped.Order(), SkipList.Implied(Adapters, Decoder.Info));
        }
    }

    public Decoder Decoder { get; }

    public EasAdapters Adapters { get; }

    public HashSet<int> Skipped { get; }

    /// <summary>A router over the case's adapters, which it leaves alone.</summary>
    public EasRouter Router(EasSettings settings) => new(Adapters, Skipped, settings, ownsAdapters: false);

    public static SequenceLayout[] Layouts(IEnumerable<int> rows)
        => [.. rows.Select(count => SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Text, count)]))];

    public void Dispose()
    {
        Adapters.Dispose();
        Decoder.Dispose();
        _ops.Dispose();
    }
}
