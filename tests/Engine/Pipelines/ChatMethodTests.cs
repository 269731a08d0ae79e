using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>What further turns and further pictures do to the shipped methods, on the shipped model.</summary>
[Collection(WholeProcess.Name)]
public sealed class ChatMethodTests
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 6 };
    private static readonly string _model = Repository.Path("scripts", "models", "tiny-llava");
    private readonly Image _shelf = Image.Load(Repository.Path("scripts", "shelf.png"));
    private readonly Image _other = Image.Load(Repository.Path("scripts", "data", "shelf-eval", "000.png"));
    private readonly List<string> _notices = [];

    [Theory]
    [InlineData("random", false)]
    [InlineData("pooling", false)]
    [InlineData("fitprune", true)]
    [InlineData("dyvte", false)]
    [InlineData("fastv", true)]
    [InlineData("gamma-mod", false)]
    [InlineData("eas", false)]
    public async Task A_turn_without_a_picture_runs_over_the_live_cache(string method, bool choseByTheFirstQuestion)
    {
        await using EngineSession session = Open();
        Pipeline pipeline = session.Load(_model).With(method);
        using Chat chat = pipeline.Chat();

        Answer first = await chat.Ask("How many boots are there?", _shelf, _short);
        Answer second = await chat.Ask("Is there a bag?", options: _short);
        Answer third = await chat.Ask("Is there a hat?", options: _short);

        Assert.Equal((await pipeline.Ask(_shelf, "How many boots are there?", _short)).Tokens, first.Tokens);
        Assert.Equal(
            choseByTheFirstQuestion ? [$"{method} chose the rows of the pictures by the question that showed them; later turns go on with those."] : [],
            _notices);
        Assert.All(chat.Turns.Skip(1), turn => Assert.InRange(turn.PrefilledRows, 1, 40));
        Assert.All([second, third], answer => Assert.Equal(0, answer.VisualTokens));
        Assert.True(second.CacheBytes > first.CacheBytes);
        if (!choseByTheFirstQuestion)
        {
            Assert.Equal((await pipeline.Ask([.. chat.Messages.SkipLast(1)], _short)).Text, third.Text);
        }
    }

    [Theory]
    [InlineData("random", false)]
    [InlineData("pooling", false)]
    [InlineData("fitprune", true)]
    [InlineData("dyvte", false)]
    [InlineData("fastv", true)]
    [InlineData("gamma-mod", false)]
    [InlineData("eas", false)]
    public async Task A_later_picture_is_the_methods_matter_or_the_conversation_runs_afresh_and_says_so(string method, bool afresh)
    {
        await using EngineSession session = Open();
        Pipeline pipeline = session.Load(_model).With(method);
        using Chat chat = pipeline.Chat();

        await chat.Ask("How many boots are there?", _shelf, _short);
        Answer second = await chat.Ask("How many hats are there?", _other, _short);
        Answer whole = await pipeline.Ask([.. chat.Messages.SkipLast(1)], _short);
        await chat.Ask("Is there a bag?", options: _short);

        Assert.Equal(afresh ? 2 : 0, _notices.Count);
        Assert.All(_notices, notice => Assert.StartsWith(method, notice, StringComparison.Ordinal));
        Assert.Equal(afresh ? 1 : 0, _notices.Count(notice => notice.Contains("runs the whole conversation afresh", StringComparison.Ordinal)));
        Assert.Equal(whole.Text, second.Text);
        if (afresh)
        {
            Assert.Equal(whole.Tokens, second.Tokens);
            Assert.Equal(whole.Flops, second.Flops);
            Assert.Equal(whole.VisualTokensByLayer, second.VisualTokensByLayer);
        }
        else
        {
            Assert.True(second.Flops.Decoder < whole.Flops.Decoder);
        }

        Assert.InRange(chat.Turns[2].PrefilledRows, 1, 40);
    }

    [Fact]
    public async Task FitPrune_prunes_a_later_picture_for_itself_where_it_is_told_to()
    {
        await using EngineSession session = Open();
        using Chat chat = session.Load(_model).With("fitprune", new { Reduction = 0.6, PruneAppended = true }).Chat();

        Answer first = await chat.Ask("How many boots are there?", _shelf, _short);
        Answer second = await chat.Ask("How many hats are there?", _other, _short);

        Assert.Empty(_notices);
        Assert.Equal(first.VisualTokensByLayer, second.VisualTokensByLayer);
    }

    [Theory]
    [InlineData("fitprune")]
    [InlineData("dyvte")]
    [InlineData("gamma-mod")]
    [InlineData("eas")]
    public async Task A_question_that_was_taken_back_leaves_nothing_behind_in_a_method(string method)
    {
        await using EngineSession session = Open();
        Pipeline pipeline = session.Load(_model).With(method);
        using Chat chat = pipeline.Chat(), never = pipeline.Chat();

        await chat.Ask("How many boots are there?", _shelf, _short);
        await chat.Ask("Is there a bag?", options: _short);
        chat.Undo();
        Answer again = await chat.Ask("Is there a hat?", options: _short);
        await never.Ask("How many boots are there?", _shelf, _short);
        Answer first = await never.Ask("Is there a hat?", options: _short);
        chat.Undo();
        chat.Undo();
        Answer afresh = await chat.Ask("How many hats are there?", _other, _short);

        Assert.Equal(first.Tokens, again.Tokens);
        Assert.Equal((first.CacheBytes, first.Flops), (again.CacheBytes, again.Flops));
        Assert.Equal((await pipeline.Ask(_other, "How many hats are there?", _short)).Flops, afresh.Flops);
    }

    [Fact]
    public async Task A_method_for_whole_prompts_alone_gets_one_at_every_turn_and_the_chat_says_so_once()
    {
        await using EngineSession session = Open();
        List<int> rows = [];
        Pipeline pipeline = session.Load(_model).With(new ProbeReducer("louder", sites => sites.BeforeLayer(0, DecoderPhase.Prefill, (context, _) =>
        {
            rows.Add(context.Layout(0).Count);
            return null;
        })));
        using Chat chat = pipeline.Chat();

        for (int turn = 0; turn < 3; turn++)
        {
            await ChatTests.SameAsAfresh(chat, "Is there a bag?", turn == 0 ? [_shelf] : []);
        }

        Assert.Equal("louder acts on whole prompts only, so every turn runs the whole conversation afresh.", Assert.Single(_notices));
        Assert.Equal(chat.Turns.Select(turn => turn.PrefilledRows), rows.Where((_, i) => i % 2 == 0));
        Assert.Equal(rows.Where((_, i) => i % 2 == 1), rows.Where((_, i) => i % 2 == 0));
    }

    [Fact]
    public async Task A_stopped_answer_goes_on_as_it_would_have_under_every_method()
    {
        await using EngineSession session = Open();
        Pipeline plain = session.Load(_model);
        GenerationOptions options = new() { MaxNewTokens = 8, MinNewTokens = 8 };
        foreach (string method in (string[])["random", "fitprune", "dyvte", "fastv", "gamma-mod", "eas"])
        {
            Pipeline pipeline = plain.With(method);
            using Chat chat = pipeline.Chat();
            ChatTests.Stopped(3, (onPiece, token) => chat.AskNow("How many boots are there?", [_shelf], options, onPiece, token));
            Answer whole = await chat.Continue();

            Assert.Equal((await pipeline.Ask(_shelf, "How many boots are there?", options)).Tokens, whole.Tokens);
        }
    }

    private EngineSession Open() => EngineSessions.Open(onNotice: _notices.Add);
}
