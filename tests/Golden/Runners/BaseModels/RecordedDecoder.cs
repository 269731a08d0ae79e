using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>A case's decoder in float32 on the CPU, loaded as published checkpoints are.</summary>
internal sealed class RecordedDecoder : IDisposable
{
    private readonly Ops _ops = new(CPU, ScalarType.Float32, threads: 1);

    public RecordedDecoder(GoldenCase golden, DecoderConfig config)
    {
        Decoder = new Decoder(config, DecoderWeights.Load(golden.Weights(), "model.", "lm_head", config, WeightPolicy.For(CPU, ScalarType.Float32, ScalarType.Float32)), _ops, InfoOf(config));
    }

    public Decoder Decoder { get; }

    /// <summary>Skips the running test where the case's architecture is one that no decoder here covers yet.</summary>
    public static DecoderConfig ConfigOf(GoldenCase golden)
    {
        string type = golden.Config.TryGetProperty("model_type", out JsonElement value) ? value.GetString()! : "llama";
        Skip.If(type is "phi" or "internlm2", $"model_type {type} not supported yet");
        return DecoderConfig.Parse(golden.Config, $"{golden.Area}/{golden.Name}");
    }

    public static DecoderInfo InfoOf(DecoderConfig config) => config.Describe("recorded");

    public void Dispose()
    {
        Decoder.Dispose();
        _ops.Dispose();
    }
}
