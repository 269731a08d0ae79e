using System.Diagnostics;
using System.Text.Json;
using Aperture.Benchmarks;
using Aperture.Comparing;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Measuring;

/// <summary>A question by stage: every stage is there, entered as often as the layers say, and no more is told than the wall time.</summary>
[Collection(WholeProcess.Name)]
public sealed class StageProfilerTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private const int Layers = 4;

    // The layers' stages, in order, with how often one forward enters them.
    private static readonly (ForwardStage Stage, int Calls)[] _decoder =
    [
        (ForwardStage.Norm, (2 * Layers) + 1),
        (ForwardStage.QueryKeyValue, Layers),
        (ForwardStage.Rotary, Layers + 1),
        (ForwardStage.Cache, Layers),
        (ForwardStage.Attention, Layers),
        (ForwardStage.AttentionOutput, Layers),
        (ForwardStage.GateUp, Layers),
        (ForwardStage.Activation, Layers),
        (ForwardStage.Down, Layers),
        (ForwardStage.Residual, 2 * Layers),
        (ForwardStage.OutputMatrix, 1),
        (ForwardStage.Sampling, 1),
    ];

    private static readonly MeasureOptions _options = new() { Runs = 2, Generation = new() { MaxNewTokens = 4 } };

    [Theory]
    [InlineData("stored")]
    [InlineData("int8")]
    public async Task Every_stage_is_entered_as_often_as_the_layers_say(string weights)
    {
        await using EngineSession session = small.Open(new ModelOptions { Weights = weights });
        Pipeline pipeline = session.Load(small.Folder);
        long began = Stopwatch.GetTimestamp();

        StageProfile profile = StageProfiler.Profile(pipeline, Image.Load(small.Picture), "abc?", _options);

        double wall = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
        (ForwardStage, int)[] picture = [(ForwardStage.Preparation, 1), (ForwardStage.Encoder, 1), (ForwardStage.Projector, 1)];
        Assert.Equal([.. picture, .. _decoder], Calls(profile.First).Where(call => call.Item1 != ForwardStage.Embedding));
        Assert.Equal([(ForwardStage.Embedding, 1), .. _decoder], Calls(profile.Later));
        Assert.InRange(profile.First[ForwardStage.Embedding]!.Calls, 1, 3);
        Assert.All([profile.First, profile.Later], pass =>
        {
            Assert.All(pass.Stages, stage => Assert.True(stage.Milliseconds >= 0, stage.ToString()));
            Assert.True(pass.Stages.Sum(stage => stage.Milliseconds) <= pass.Milliseconds + 1e-6);
        });
        Assert.InRange(profile.First.Milliseconds + profile.Later.Milliseconds, 0, wall);
        Assert.Equal(weights == "int8" ? "int8" : null, profile.MeasuredOn.Weights);
    }

    [Fact]
    public async Task Products_count_the_rows_that_ran_and_the_weights_that_were_read()
    {
        await using EngineSession session = small.Open();
        Pipeline pipeline = session.Load(small.Folder);
        DecoderWeights weights = pipeline.Model.Decoder.Weights;

        StageProfile profile = StageProfiler.Profile(pipeline, Image.Load(small.Picture), "abc?", _options);

        (string Name, Matrix Matrix)[] matrices = [.. weights.Layers[0].Matrices("")];
        long layer = matrices.Sum(entry => entry.Matrix.RowMacs), stored = matrices.Sum(entry => entry.Matrix.StoredBytes);
        foreach ((StagePass pass, int rows) in new[] { (profile.First, profile.Rows), (profile.Later, 1) })
        {
            Assert.Equal(Layers * layer * rows, Products(pass).Sum(stage => stage.Macs));
            Assert.Equal(Layers * stored, Products(pass).Sum(stage => stage.WeightBytes));
            StageTime head = pass[ForwardStage.OutputMatrix]!;
            Assert.Equal((weights.Head.RowMacs, weights.Head.StoredBytes), (head.Macs, head.WeightBytes));
        }

        Answer answer = await pipeline.Ask(Image.Load(small.Picture), "abc?", _options.Generation);
        Assert.Equal(answer.PromptTokens, profile.Rows);
        Assert.Equal(Layers * 2 * 2 * 8 * 4 * (profile.Rows + 3), profile.CacheBytes); // float32; the last token is not run
        Assert.Equal(answer.Flops.Vision, 2 * profile.First[ForwardStage.Encoder]!.Macs);
        Assert.Equal(answer.Flops.Projector, 2 * profile.First[ForwardStage.Projector]!.Macs);
    }

    [Fact]
    public async Task Hooks_of_every_phase_are_a_stage_of_their_own()
    {
        await using EngineSession session = small.Open();
        Pipeline pipeline = session.Load(small.Folder).With(new LambdaMethod("own", sites =>
        {
            sites.BeforeLayer(1, DecoderPhase.Prefill | DecoderPhase.Decode, (_, _) => null);
            sites.BeforeLayer(2, DecoderPhase.Prefill, (_, _) => null);
        }));

        StageProfile profile = StageProfiler.Profile(pipeline, null, "abc?", _options);

        Assert.Equal((2, 1), (profile.First[ForwardStage.Method]!.Calls, profile.Later[ForwardStage.Method]!.Calls));
        Assert.Null(profile.First[ForwardStage.Encoder]);
        Assert.Equal(_decoder, Calls(profile.Later).Where(call => call.Item1 is not (ForwardStage.Embedding or ForwardStage.Method)));
        Assert.Equal("own", profile.Label);
    }

    [Fact]
    public async Task Every_run_and_token_is_run_and_nothing_is_measured_behind_them()
    {
        await using EngineSession session = small.Open();
        int forwards = 0;
        Pipeline pipeline = session.Load(small.Folder).With(new LambdaMethod("counting", sites => sites.BeforeLayer(0, DecoderPhase.Decode, (_, _) =>
        {
            forwards++;
            return null;
        })));
        List<double> told = [];

        StageProfiler.Profile(pipeline, null, "abc?", _options with { Generation = new() { MaxNewTokens = 4, StopStrings = ["a", "b"] } }, new Told(told.Add));

        Assert.Equal((_options.Runs + 1) * 3, forwards);
        Assert.Equal([1 / 3.0, 2 / 3.0, 1], told);
    }

    [Fact]
    public async Task Beams_are_told_step_by_step()
    {
        await using EngineSession session = small.Open();
        Pipeline pipeline = session.Load(small.Folder);

        StageProfile profile = StageProfiler.Profile(pipeline, null, "abc?", _options with { Generation = new() { MaxNewTokens = 3, Beams = 3 } });

        Assert.Equal([(ForwardStage.Embedding, 1), .. _decoder.Select(Beams)], Calls(profile.Later));

        // Caches and attention are a beam's own.
        static (ForwardStage, int) Beams((ForwardStage Stage, int Calls) one)
            => (one.Stage, one.Stage is ForwardStage.Cache or ForwardStage.Attention ? 3 * one.Calls : one.Calls);
    }

    [Fact]
    public async Task Answers_of_one_token_are_refused()
    {
        await using EngineSession session = small.Open();
        Pipeline pipeline = session.Load(small.Folder);

        ApertureException refused = Assert.Throws<ApertureException>(
            () => StageProfiler.Profile(pipeline, null, "abc?", new MeasureOptions { Runs = 1, Generation = new() { MaxNewTokens = 1 } }));

        Assert.Equal("A profile needs an answer of two tokens or more; ask for more (--max-new-tokens).", refused.Message);
    }

    [Fact]
    public void A_decoder_of_random_weights_is_told_without_a_picture()
    {
        ModelShape shape = new("shape", new DecoderSpec
        {
            HiddenSize = 32,
            IntermediateSize = 48,
            Layers = Layers,
            Heads = 4,
            KeyValueHeads = 2,
            HeadSize = 8,
            VocabularySize = 64,
            NormEpsilon = 1e-5,
            Rotary = new RotaryConfig { Dimensions = 8 },
        }, null);
        using DecoderBenchmark bench = new(shape, new DecoderBenchmarkOptions
        {
            Type = ScalarType.Float32,
            Cache = CacheFormat.Int8,
            Threads = 1,
            VisualTokens = 5,
            TextTokens = 4,
            Rounds = 1,
        });

        StageProfile profile = bench.Profile(3, CancellationToken.None);

        Assert.Equal(_decoder, Calls(profile.First));
        Assert.Equal([(ForwardStage.Embedding, 1), .. _decoder], Calls(profile.Later));
        Assert.Equal(9, profile.Rows);
        Assert.Equal(Layers * 2 * 2 * (8 + 4) * (9 + 2), profile.CacheBytes);
        using JsonDocument json = JsonDocument.Parse(StageProfile.ToJson([profile]));
        JsonElement only = Assert.Single(json.RootElement.EnumerateArray());
        Assert.Equal(
            ["title", "model", "pipeline", "type", "cache", "device", "threads", "processor", "promptRows", "cacheBytes", "first", "later"],
            only.EnumerateObject().Select(property => property.Name));
        Assert.Equal(profile.Later.Milliseconds, only.GetProperty("later").GetProperty("milliseconds").GetDouble());
        Assert.Equal(
            _decoder.Select(stage => (stage.Stage.ToString(), stage.Calls)),
            only.GetProperty("first").GetProperty("stages").EnumerateArray().Select(
                stage => (stage.GetProperty("stage").GetString()!, stage.GetProperty("calls").GetInt32())));
    }

    private static (ForwardStage, int)[] Calls(StagePass pass) => [.. pass.Stages.Select(stage => (stage.Stage, stage.Calls))];

    private static IEnumerable<StageTime> Products(StagePass pass) => pass.Stages.Where(stage
        => stage.Stage is ForwardStage.QueryKeyValue or ForwardStage.AttentionOutput or ForwardStage.GateUp or ForwardStage.Down);

    private sealed class Told(Action<double> add) : IProgress<double>
    {
        public void Report(double value) => add(value);
    }
}
