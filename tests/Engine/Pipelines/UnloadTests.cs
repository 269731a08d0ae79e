using Aperture.Engine.Tests.Decoding;
using Aperture.Generation;
using Aperture.Host;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>A model that is unloaded frees what it holds when its questions have ended, and is named whenever somebody asks it.</summary>
[Collection(WholeProcess.Name)]
public sealed class UnloadTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 2 };
    private readonly Image _picture = Image.Load(small.Picture);

    [Fact]
    public async Task It_frees_weights_and_methods_and_can_be_loaded_again()
    {
        await using EngineSession session = EngineSessions.OpenAlone();
        ModelGlobals models = new(session);
        await (await models.Load(small.Folder)).Ask(_picture, "abc?", _short);
        await models.Unload(small.Folder); // what is made once for all stays
        long before = LiveTensors.Settled();

        Pipeline pruned = (await models.Load(small.Folder)).With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } });
        Answer first = await pruned.Ask(_picture, "abc?", _short);
        Assert.True(LiveTensors.Settled() > before);
        await models.Unload(small.Folder);

        Assert.Equal(before, LiveTensors.Settled());
        Assert.Empty(session.Models);
        Assert.All(session.Plugins.Plugins, plugin => Assert.Equal(0, plugin.Leases));
        Answer again = await (await models.Load(small.Folder)).With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } }).Ask(_picture, "abc?", _short);
        Assert.Equal(first.Tokens, again.Tokens);
    }

    [Fact]
    public async Task Whoever_asks_it_is_told_its_name_and_how_to_load_it_again()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Model model = plain.Model;
        string told = "small was unloaded; load it again with Models.Load(\"small\").";

        await session.UnloadAsync("small");

        Assert.Equal(told, (await Assert.ThrowsAsync<ApertureException>(() => plain.Ask(_picture, "abc?", _short))).Message);
        Assert.Equal(told, Assert.Throws<ApertureException>(() => plain.With("pooling", new { Tokens = 4 }).Build()).Message);
        Assert.Equal(told, (await Assert.ThrowsAsync<ApertureException>(() => plain.See(_picture))).Message);
        Assert.Equal(told, Assert.Throws<ApertureException>(() => model.Encoder).Message);
        Assert.Equal(told, Assert.Throws<ApertureException>(() => model.Use(_ => 1)).Message);
        Assert.Equal("The model 'small' is not open; none is.", (await Assert.ThrowsAsync<ApertureException>(() => session.UnloadAsync("small"))).Message);
    }

    [Fact]
    public async Task A_disposed_model_is_named()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        plain.Model.Dispose();

        ApertureException told = await Assert.ThrowsAsync<ApertureException>(() => plain.Ask(_picture, "abc?", _short));

        Assert.Equal("The model 'small' is disposed, so it can be asked nothing more; open it anew.", told.Message);
    }

    [Fact]
    public async Task A_name_that_is_not_open_is_told_with_those_that_are()
    {
        await using EngineSession session = small.Open();
        session.Load(small.Folder);

        ApertureException told = await Assert.ThrowsAsync<ApertureException>(() => session.UnloadAsync("smal"));

        Assert.Equal("The model 'smal' is not open; did you mean small? Open are small.", told.Message);
    }

    [Fact]
    public async Task Questions_that_were_asked_are_answered_first()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        using ManualResetEventSlim entered = new(), go = new();
        Pipeline slow = plain.With(new ProbeReducer("slow", sites => sites.BeforeDecoder((_, tokens) =>
        {
            entered.Set();
            go.Wait();
            return tokens;
        })));
        Task<Answer> running = Task.Run(() => slow.Ask(_picture, "abc?", _short));
        entered.Wait();
        Task<Answer> waiting = plain.Ask(_picture, "abc?", _short);

        Task unloading = session.UnloadAsync("small");
        Assert.StartsWith("small was unloaded", (await Assert.ThrowsAsync<ApertureException>(() => plain.Ask(_picture, "abc?", _short))).Message);
        Assert.False(unloading.IsCompleted);
        go.Set();

        Assert.Equal((await running).Tokens, (await waiting).Tokens);
        await unloading;
        Assert.Empty(session.Models);
    }

    [Fact]
    public async Task Waiting_for_it_can_be_given_up_and_the_model_stays()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        using ManualResetEventSlim entered = new(), go = new();
        using CancellationTokenSource source = new();
        Task<int> running = Task.Run(() => plain.Model.Use(_ =>
        {
            entered.Set();
            go.Wait(CancellationToken.None);
            return 1;
        }));
        entered.Wait();
        Task unloading = session.UnloadAsync("small", source.Token);

        await source.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => unloading);
        go.Set();
        await running;
        Assert.Equal(2, (await plain.Ask(_picture, "abc?", _short)).Tokens.Count);
    }

    [Fact]
    public async Task It_cannot_be_unloaded_from_inside_a_question_on_it()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Exception? told = null;
        Pipeline inside = plain.With(new ProbeReducer("inside", sites => sites.BeforeDecoder((_, tokens) =>
        {
            told = Record.ExceptionAsync(() => session.UnloadAsync("small")).GetAwaiter().GetResult();
            return tokens;
        })));

        await inside.Ask(_picture, "abc?", _short);

        Assert.StartsWith("This was asked from inside a request", Assert.IsType<ApertureException>(told).Message, StringComparison.Ordinal);
    }
}
