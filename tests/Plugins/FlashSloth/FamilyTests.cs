using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Requests;

namespace Aperture.Plugins.FlashSloth.Tests;

/// <summary>A FlashSloth from its published files, asked as users ask it.</summary>
public sealed class FamilyTests : IDisposable
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 6 };
    private readonly TinyFlashSloth _tiny = new();
    private readonly Image _picture = Image.Load(TinyFlashSloth.Checkout("scripts", "shelf.png"));

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public async Task A_folder_that_calls_itself_phi_is_recognised_and_answers_about_a_picture_in_five_tiles()
    {
        await using EngineSession session = TinyFlashSloth.Open();
        Pipeline pipeline = session.Load(_tiny.Folder);

        Answer answer = await pipeline.Ask(_picture, "How many dogs?", _short);

        Assert.Equal("flashsloth", pipeline.Model.Family);
        Assert.Empty(pipeline.Model.Unclaimed);
        Assert.Equal(45, pipeline.Model.Decoder.Info.VisualTokens);
        Assert.Equal(45, answer.VisualTokens);
        Assert.Equal(5, answer.TokenMap!.Tiles.Count);
        Assert.Equal(5 * 81, answer.TokenMap.Kept[0].Count); // every patch is in a token
        Assert.True(answer.Flops.Method > 0);
    }

    [Fact]
    public async Task Which_patches_pooling_weighs_is_a_picture_in_one_call()
    {
        await using EngineSession session = TinyFlashSloth.Open();

        HeatMap map = await session.Load(_tiny.Folder).Map(_picture, "sap.*");

        HeatMapPanel panel = Assert.Single(map.Panels);
        Assert.Equal(("sap.weights", 81), (panel.Name, panel.Values.Count));
        Assert.Equal(9, panel.Values.Sum(), 4); // nine cells whose patches' weights sum up to one each
        Assert.True(panel.Values.Max() > panel.Values.Min());
        Assert.True(File.Exists(map.SavePng(Path.Combine(_tiny.Folder, "weights.png"))));
    }

    [Fact]
    public async Task What_the_queries_attend_to_is_a_picture_in_one_call()
    {
        await using EngineSession session = TinyFlashSloth.Open();
        Pipeline pipeline = session.Load(_tiny.Folder);

        HeatMap map = await pipeline.Map(_picture, "*.attention", "How many dogs?");

        Assert.True(map.Panels.Count > 1, "a panel for each query");
        Assert.All(map.Panels, panel => Assert.Equal(81, panel.Values.Count)); // the first of five tiles
        Assert.All(map.Panels, panel => Assert.InRange(panel.Values.Sum(), 0.001, 0.999));
        ApertureException error = await Assert.ThrowsAsync<ApertureException>(() => pipeline.Map(_picture, "gates", "How many dogs?"));
        Assert.Contains("embq.attention", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_pool_and_layer_come_from_the_configuration()
    {
        using TinyFlashSloth other = new(config =>
        {
            config["pool_size"] = 2;
            config["query_layer"] = 2;
        });
        await using EngineSession session = TinyFlashSloth.Open();

        Answer answer = await session.Load(other.Folder).Ask(_picture, "How many dogs?", _short);
        Answer named = await session.Load(_tiny.Folder).With("flashsloth", new { PoolSize = 2, InjectLayer = 2 }).Ask(_picture, "How many dogs?", _short);

        Assert.Equal(5 * 25, answer.VisualTokens);
        Assert.Equal(named.Tokens, answer.Tokens);
    }

    [Fact]
    public async Task Pictures_that_were_seen_once_answer_as_pictures_do()
    {
        await using EngineSession session = TinyFlashSloth.Open();
        Pipeline pipeline = session.Load(_tiny.Folder);
        using Seen seen = await pipeline.See(_picture);

        Assert.Equal((await pipeline.Ask(_picture, "How many dogs?", _short)).Tokens, (await pipeline.Ask(seen, "How many dogs?", _short)).Tokens);
    }

    [Fact]
    public async Task Turning_the_modules_off_changes_the_answer_and_fusing_values_does_not()
    {
        await using EngineSession session = TinyFlashSloth.Open();
        Pipeline pipeline = session.Load(_tiny.Folder);
        Answer plain = await pipeline.Ask(_picture, "How many dogs?", _short);

        Answer fused = await pipeline.With("flashsloth", new { FuseValueProjection = true }).Ask(_picture, "How many dogs?", _short);
        Answer off = await pipeline.With("flashsloth", new { EmbQ = false }).Ask(_picture, "How many dogs?", _short);
        Answer whole = await pipeline.With("flashsloth", new { PoolMode = "None", EmbQ = false }).Ask(_picture, "How many dogs?", _short);
        Answer average = await pipeline.With("flashsloth", new { PoolMode = "Average" }).Ask(_picture, "How many dogs?", _short);
        Answer ragged = await pipeline.With("flashsloth", new { PoolSize = 4 }).Ask(_picture, "How many dogs?", _short);

        Assert.Equal(plain.Tokens, fused.Tokens);
        Assert.True(off.Flops.Method < plain.Flops.Method);
        Assert.Equal(405, whole.VisualTokens);
        Assert.Equal(45, average.VisualTokens);
        Assert.Equal(45, ragged.VisualTokens); // 9 patches in squares of 4: three a side
        Assert.Equal(5 * 81, ragged.TokenMap!.Kept[0].Count);
    }

    [Fact]
    public async Task Every_turn_answers_as_the_whole_conversation_asked_afresh_does()
    {
        await using EngineSession session = TinyFlashSloth.Open();
        using Chat chat = session.Load(_tiny.Folder).Chat();

        await SameAsAfresh(chat, "How many dogs?", [_picture]);
        await SameAsAfresh(chat, "Is the car red?", []);
        await SameAsAfresh(chat, "Where is the house?", []);
        chat.Undo();
        await SameAsAfresh(chat, "Where is the house near the car?", []); // begins as the one that was taken back
        chat.Undo();
        await SameAsAfresh(chat, "Where is", []);
    }

    [Theory]
    [InlineData("fitprune", """{ "Recipe": [2,2,2,2,2,2,2,2,2,2] }""")]
    [InlineData("random", """{ "Tokens": 20 }""")]
    [InlineData("pooling", """{ "Tokens": 20 }""")]
    [InlineData("fastv", "{ }")]
    [InlineData("dyvte", """{ "FixedExitLayer": 5 }""")]
    [InlineData("dyvte", """{ "FixedExitLayer": 8 }""")]
    public async Task Reducers_work_on_it(string method, string options)
    {
        await using EngineSession session = TinyFlashSloth.Open();
        using JsonDocument json = JsonDocument.Parse(options);
        Pipeline pipeline = session.Load(_tiny.Folder).With(method, json.RootElement);

        Answer answer = await pipeline.Ask(_picture, "How many dogs?", _short);

        Assert.True(answer.VisualTokensByLayer[^1] < 45);
    }

    [Theory]
    [InlineData("gamma-mod", "Weights", """{ "Layers": [3, 6, 7, 8], "TopKRatio": 0.5 }""")]
    [InlineData("eas", "Adapters", """{ "SkipLayers": [6, 7] }""")]
    public async Task Routers_work_on_it(string method, string file, string options)
    {
        string path = Path.Combine(_tiny.Folder, method + ".router");
        RouterFile.Write(path, layers: 10, width: 40);
        JsonObject all = JsonNode.Parse(options)!.AsObject();
        all[file] = path;
        await using EngineSession session = TinyFlashSloth.Open();
        using JsonDocument json = JsonDocument.Parse(all.ToJsonString());
        Pipeline plain = session.Load(_tiny.Folder), pipeline = plain.With(method, json.RootElement);

        Answer answer = await pipeline.Ask(_picture, "How many dogs?", _short), again = await pipeline.Ask(_picture, "How many dogs?", _short);

        Assert.Equal(answer.Tokens, again.Tokens);
        Assert.NotEqual((await plain.Ask(_picture, "How many dogs?", _short)).Flops.Decoder, answer.Flops.Decoder);
    }

    [Fact]
    public async Task Questions_leave_no_tensor_behind()
    {
        await using EngineSession session = TinyFlashSloth.Open();
        Pipeline pipeline = session.Load(_tiny.Folder);
        await pipeline.Ask(_picture, "How many dogs?", _short);
        await pipeline.Ask((Image?)null, "How many dogs?", _short);
        long before = LiveTensors.Settled();

        await pipeline.Ask(_picture, "How many dogs?", _short);
        await pipeline.Ask((Image?)null, "How many dogs?", _short);

        Assert.Equal(before, LiveTensors.Settled());
    }

    private static async Task SameAsAfresh(Chat chat, string question, IReadOnlyList<Image> images)
    {
        Message[] whole = [.. chat.Messages, Message.User(question, images)];
        Answer live = await chat.Ask(question, images, _short), afresh = await chat.Pipeline.Ask(whole, _short);
        Assert.Equal(afresh.Tokens, live.Tokens);
    }
}
