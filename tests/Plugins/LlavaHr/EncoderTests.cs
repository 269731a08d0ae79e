using System.Text.Json;
using Aperture.Decoding;
using Aperture.Hub;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.LlavaHr.Tests;

/// <summary>The encoder in a model that is opened as users open it: the family finds it through the plugin.</summary>
public sealed class EncoderTests : IDisposable
{
    private readonly TinyHr _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void A_published_folder_opens_whole_and_answers_with_methods_composed()
    {
        using OpenedModel opened = new(_tiny.Folder);
        Assert.Equal(TinyHr.Tokens, opened.Model.Decoder.Info.VisualTokens);
        Assert.Equal(["model.layers.1.router.weight", "model.layers.2.router.weight"], opened.Model.Unclaimed);
    }

    [Fact]
    public async Task Methods_compose_on_it()
    {
        await using EngineSession session = EngineSessions.Open();
        Pipeline plain = session.Load(_tiny.Folder);
        Image picture = Image.Load(_tiny.Picture);
        Aperture.Generation.GenerationOptions few = new() { MaxNewTokens = 3 };

        string adapters = _tiny.At("adapters.safetensors");
        RouterFile.Write(adapters, TinyHr.Layers, width: 32);
        Answer without = await plain.Ask(picture, "What is this?", few);
        (string Name, object Options)[] methods =
        [
            ("fitprune", new { Recipe = new[] { 10, 0, 8, 0 } }), ("gamma-mod", new { PrefillThreshold = 0.4 }), ("dyvte", new { FixedExitLayer = 3 }),
            ("eas", new { Adapters = adapters, SkipLayers = new[] { 1 } }),
        ];

        Assert.Equal(TinyHr.Tokens, without.VisualTokens);
        int[][] orders =
        [
            [0], [1], [2], [3], [0, 1], [1, 0], [0, 2], [2, 0], [1, 2], [2, 1], [0, 3], [3, 0], [1, 3], [3, 2],
            [0, 1, 2], [2, 1, 0], [3, 1, 2, 0], [0, 2, 1, 3],
        ];
        foreach (int[] order in orders)
        {
            Pipeline composed = order.Aggregate(plain, (pipeline, method) => pipeline.With(methods[method].Name, methods[method].Options));
            Answer answer = await composed.Ask(picture, "What is this?", few);
            Assert.InRange(answer.Tokens.Count, 1, 3);
            Assert.All(answer.VisualTokensByLayer, rows => Assert.InRange(rows, 0, TinyHr.Tokens));
            Assert.True(!order.Contains(0) || answer.VisualTokensByLayer[^1] < TinyHr.Tokens);
            if (!order.Contains(3))
            {
                // Adapters of so narrow a model cost about what the attention did; a router may let every row run.
                Assert.InRange(answer.Flops.Decoder, 1, without.Flops.Decoder - (order.Contains(0) ? 1 : 0));
            }

            Assert.Equal(without.Flops.Vision, answer.Flops.Vision);
        }
    }

    [Fact]
    public void Work_is_told_by_stage_and_adds_up()
    {
        using OpenedModel opened = new(_tiny.Folder);
        using Seen seen = See(opened.Model, null);
        VisionFeatures features = seen.Features[0];

        Assert.Equal(["high-resolution tower", "low-resolution tower", "adapters", "align"], features.Stages.Select(stage => stage.Name));
        Assert.Equal(features.Macs, features.Stages.Sum(stage => stage.Macs));
        Assert.All(features.Stages, stage => Assert.True(stage.Macs > 0 && stage.Milliseconds > 0));
        Assert.Equal(features.Stages, seen.Stages);
        Assert.InRange(seen.Stages.Sum(stage => stage.Milliseconds), 0, seen.Milliseconds);
    }

    [Fact]
    public void Gates_and_where_they_open_are_told_to_who_wants_them()
    {
        using OpenedModel opened = new(_tiny.Folder);
        using Listener listener = new();
        using Seen seen = See(opened.Model, listener);

        Assert.Equal([1], listener["llava-hr.adapter0.alpha"].shape);
        Assert.InRange(listener["llava-hr.adapter2.alpha"].item<float>(), -1, 1);
        Assert.Equal([TinyHr.Tokens], listener["llava-hr.adapter1.share"].shape);
        Assert.True(listener["llava-hr.adapter1.share"].min().item<float>() >= 0);
        Assert.Equal([12, 3, 3], listener["llava-hr.slow.stage3"].shape);
        Assert.Equal([TinyHr.Tokens, 64], listener["llava-hr.adapter2.out"].shape);
    }

    [Fact]
    public async Task Where_gates_open_is_one_call_and_a_picture()
    {
        await using EngineSession session = EngineSessions.Open();
        Pipeline hr = session.Load(_tiny.Folder);
        Image picture = Image.Load(_tiny.Picture);

        HeatMap map = await hr.Map(picture, "*.share");

        Assert.Equal(["llava-hr.adapter0.share", "llava-hr.adapter1.share", "llava-hr.adapter2.share"], map.Panels.Select(panel => panel.Name));
        Assert.All(map.Panels, panel => Assert.Equal(TinyHr.Tokens, panel.Values.Count));
        Assert.Equal((130, 130), (map.Picture.Width, map.Picture.Height)); // padded to a square
        string file = map.SavePng(_tiny.At("gates.png"));
        Image drawn = Image.Load(file);
        Assert.True(drawn.Width > drawn.Height);
        Assert.True(drawn.Pixels.ToArray().Distinct().Count() > 20);
        ApertureException error = await Assert.ThrowsAsync<ApertureException>(() => hr.Map(picture, "gates"));
        Assert.Contains("tells 'gates' with one number for each of 36 places; told are llava-hr.slow.stem,", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gate_held_at_zero_keeps_high_resolution_out_of_the_blocks()
    {
        using OpenedModel opened = new(_tiny.Folder, Options("GateOverride=0"));
        using Listener listener = new();
        using Seen seen = See(opened.Model, listener);

        Assert.Equal(0, listener["llava-hr.adapter0.share"].max().item<float>());
        Assert.Equal(0, listener["llava-hr.adapter2.alpha"].item<float>());
    }

    [Fact]
    public void The_low_resolution_picture_may_be_made_from_the_photograph()
    {
        using OpenedModel opened = new(_tiny.Folder), photo = new(_tiny.Folder, Options("LowResSource=FromPhoto"));
        using Seen first = See(opened.Model, null), second = See(photo.Model, null);
        using Tensor difference = (first.Features[0].Tokens - second.Features[0].Tokens).abs().max();

        Assert.True(difference.item<float>() > 1e-3);
    }

    [Fact]
    public void A_batch_gives_what_each_picture_gives()
    {
        using ModelOpening opening = new(CPU, ScalarType.Float32, threads: 1);
        HighResolutionEncoder encoder = Encoder(opening);
        using Tensor pixels = randn(2, 3, TinyHr.Side, TinyHr.Side);
        using Tensor one = pixels.narrow(0, 1, 1);
        using VisionFeatures alone = encoder.EncodePixels(one, null, VisionRequest.Plain, CancellationToken.None)[0];
        IReadOnlyList<VisionFeatures> both = encoder.EncodePixels(pixels, null, VisionRequest.Plain, CancellationToken.None);
        using Tensor difference = (alone.Tokens - both[1].Tokens).abs().max(), scale = alone.Tokens.abs().max();

        Assert.True(difference.item<float>() < 1e-4 * scale.item<float>());
        Assert.All(both, features => features.Dispose());
    }

    [Fact]
    public void Callbacks_see_blocks_behind_the_adapters_and_may_not_drop_rows()
    {
        using ModelOpening opening = new(CPU, ScalarType.Float32, threads: 1);
        HighResolutionEncoder encoder = Encoder(opening);
        using Tensor pixels = randn(1, 3, TinyHr.Side, TinyHr.Side);
        int called = 0;
        VisionTrunkHooks adds = new() { AfterBlock = (context, rows) => ++called > 0 && context.Block == 1 ? rows.add(1) : null };
        VisionTrunkHooks drops = new() { AfterBlock = (context, _) => Dropped(context) };
        using VisionFeatures plain = encoder.EncodePixels(pixels, null, VisionRequest.Plain, CancellationToken.None)[0];
        using VisionFeatures changed = encoder.EncodePixels(pixels, null, new VisionRequest { Hooks = adds }, CancellationToken.None)[0];
        ApertureException error = Assert.Throws<ApertureException>(
            () => encoder.EncodePixels(pixels, null, new VisionRequest { Hooks = drops }, CancellationToken.None));

        Assert.Equal(8, called);
        using Tensor difference = (plain.Tokens - changed.Tokens).abs().max();
        Assert.True(difference.item<float>() > 0);
        Assert.Contains("left 35 of 36 rows", error.Message, StringComparison.Ordinal);

        static Tensor? Dropped(IVisionContext context)
        {
            if (context.Block == 0)
            {
                context.Keep([.. Enumerable.Range(0, 35)]);
            }

            return null;
        }
    }

    [Fact]
    public void Encoding_leaves_no_tensor_behind()
    {
        using OpenedModel opened = new(_tiny.Folder);
        void Look() => See(opened.Model, null).Dispose();
        Look();

        LiveTensors.MustNotGrow(Look);
    }

    [Fact]
    public void Opening_and_closing_leaves_no_tensor_behind()
    {
        void Open() => new OpenedModel(_tiny.Folder).Dispose();
        Open();

        LiveTensors.MustNotGrow(Open);
    }

    [Fact]
    public void Any_family_gets_it_by_name()
    {
        using PluginSession plugins = new();
        using ModelOpening opening = new(CPU, ScalarType.Float32, threads: 1) { Encoders = new PluginEncoders(plugins.Host, default) };
        ModelFolder folder = new(_tiny.Folder);
        Weights.IWeightSource weights = opening.Keep(Weights.WeightFiles.Open(folder.Path));
        opening.Policy(ScalarType.Float32);
        EncoderCheckpoint checkpoint = new(new ConfigReader(folder.Config!.Value, "config.json"), weights, folder.Path);

        VisionEncoderParts parts = opening.Encoders.Open("llava-hr", checkpoint, opening);

        Assert.Equal(64, parts.Encoder.Channels);
        Assert.Equal(TinyHr.Tokens, parts.VisualTokens);
        ApertureException error = Assert.Throws<ApertureException>(() => opening.Encoders.Open("lens", checkpoint, opening));
        Assert.Contains("'lens', which no enabled plugin offers (there are llava-hr, convnext-tower", error.Message, StringComparison.Ordinal);
    }

    internal static ModelOptions Options(string encoder) => new() { Type = "float32", Threads = 1, Encoder = encoder };

    // Of this assembly's own types, where the plugin's copy in a model has others of the same names.
    private HighResolutionEncoder Encoder(ModelOpening opening)
    {
        ModelFolder folder = new(_tiny.Folder);
        Weights.IWeightSource weights = opening.Keep(Weights.WeightFiles.Open(folder.Path));
        opening.Policy(ScalarType.Float32);
        EncoderCheckpoint checkpoint = new(new ConfigReader(folder.Config!.Value, "config.json"), weights, folder.Path);
        return (HighResolutionEncoder)new LlavaHrFactory().Open(checkpoint, opening, default).Encoder;
    }

    private Seen See(Model model, IDecoderTrace? trace)
    {
        using IDisposable quiet = no_grad();
        RequestPath path = new(model, null);
        using RequestContext request = path.Begin(1, trace, CancellationToken.None);
        return path.See(request, [Image.Load(_tiny.Picture)]);
    }

    private sealed class PluginSession : IDisposable
    {
        public PluginHost Host { get; } = new(PluginCatalog.Read());

        public void Dispose() => Host.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }

    private sealed class Listener : IDecoderTrace, IDisposable
    {
        private readonly Dictionary<string, Tensor> _values = [];

        public Tensor this[string name] => _values[name];

        public bool WantsPictureValue(string name) => true;

        public void PictureValue(PictureTile picture, string name, Tensor value) => _values[name] = value.clone().DetachFromDisposeScope();

        public void Dispose()
        {
            foreach (Tensor value in _values.Values)
            {
                value.Dispose();
            }
        }
    }
}
