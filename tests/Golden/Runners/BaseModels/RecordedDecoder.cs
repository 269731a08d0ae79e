using Aperture.Decoding;
using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>A case's decoder in float32 on the CPU, loaded as published checkpoints are.</summary>
internal sealed class RecordedDecoder : IDisposable
{
    private readonly Ops _ops = new(CPU, ScalarType.Float32, threads: 1);

    /// <param name="golden">The case.</param>
    /// <param name="spec">Its decoder.</param>
    /// <param name="place">What stands before the decoder's names; null for where the decoder cases of base-models have it.</param>
    public RecordedDecoder(GoldenCase golden, DecoderSpec spec, string? place = null)
    {
        place ??= spec.Keys == DecoderKeys.InternLm2 ? "language_model." : "";
        WeightPolicy policy = WeightPolicy.For(CPU, ScalarType.Float32, ScalarType.Float32);
        Decoder = new Decoder(spec, DecoderWeights.Load(golden.Weights(), place + "model.", place + "lm_head", spec, policy), _ops, InfoOf(spec));
    }

    public Decoder Decoder { get; }

    public static DecoderSpec ConfigOf(GoldenCase golden) => DecoderSpec.Parse(golden.Config, $"{golden.Area}/{golden.Name}");

    public static DecoderInfo InfoOf(DecoderSpec spec) => spec.Describe("recorded");

    public void Dispose()
    {
        Decoder.Dispose();
        _ops.Dispose();
    }
}
