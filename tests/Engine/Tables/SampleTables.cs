using Aperture.Comparing;
using Aperture.Measuring;
using Aperture.Requests;
using Aperture.Scripting;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Tables;

/// <summary>Tables as the commands make them, with figures that never change.</summary>
internal static class SampleTables
{
    private static readonly MeasuredOn _here = new(ScalarType.Float32, "cpu", 2, "Processor");

    public static Comparison Comparison { get; } = new("What is in the top left?", "tiny-llava", _here,
    [
        Row("none", "a blue shirt", [144, 144, 144, 144, 144, 144], 2.4, 24.5, 0),
        Row("random(Tokens=66)", "a blue shirt", [66, 66, 66, 66, 66, 66], 1.3, 14.25, 0),
        Row("fitprune(Reduction=0.6, ScaleToLayers=true)", "a blue shirt, and to its right a bag", [144, 80, 80, 41, 40, 11], 1.36, 27.5, 1.25),
    ]);

    public static DisplayTable Plugins { get; } = new(
        ["plugin", "state", "method or task", "what it does"],
        [
            ["fitprune", "loads", "fitprune", "Prunes visual tokens after attention by a recipe that was fitted to attention's distribution."],
            ["baselines", "loads", "random", "Keeps random visual tokens."],
            ["", "", "pooling", "Averages neighbouring visual tokens, as many as bring the decoder's cost down to what a method costs."],
        ]);

    public static StageProfile Profile { get; } = new("What is in the top left?", "none", "tiny-llava", _here, 196,
        new StagePass(40, [
            new(ForwardStage.Encoder, 1, 10, 500_000_000, 0),
            new(ForwardStage.QueryKeyValue, 6, 5, 250_000_000, 3_000_000),
            new(ForwardStage.Attention, 6, 2.5, 0, 0),
            new(ForwardStage.OutputMatrix, 1, 15, 250_000_000, 3_000_000)]),
        new StagePass(2, [new(ForwardStage.QueryKeyValue, 6, 0.25, 1_000_000, 3_000_000), new(ForwardStage.Sampling, 1, 0.75, 0, 0)]))
    {
        CacheBytes = 1536,
    };

    public static DisplayTable Of(StageProfile profile) => new ValueFormatter().Format(profile).Table!;

    public static DisplayTable Of(Comparison comparison) => new ValueFormatter().Format(comparison).Table!;

    private static Measurement Row(string label, string answer, int[] tokens, double gigaflops, double prefill, double method) => new()
    {
        Label = label,
        MeasuredOn = _here,
        Answer = answer,
        VisualTokens = tokens[0],
        VisualTokensByLayer = tokens,
        Flops = new FlopCount(0, 0, (long)(gigaflops * 1e9), 0, 0, (long)(gigaflops * 0.9e9)),
        Times = new StageTimes(3.12, 0.5, prefill, method, 1.75),
        PrefillSpread = 0.25,
        CacheBytes = 1200L * tokens.Sum(),
        PeakMemory = 12_345_678,
    };
}
