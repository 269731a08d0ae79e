using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>Conversations over a live cache. In float32, where a live turn's tokens are those of the whole conversation asked afresh.</summary>
[Collection(WholeProcess.Name)]
public sealed class ChatTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 5 };
    private static readonly string _shelf = Repository.Path("scripts", "models", "tiny-llava");
    private readonly Image _picture = Image.Load(small.Picture);
    private readonly Image _other = Image.Filled(30, 30, 200, 40, 90);

    [Theory]
    [InlineData(null)]
    [InlineData("random")]
    [InlineData("pooling")]
    [InlineData("downsample")]
    public async Task Every_turn_answers_as_the_whole_conversation_asked_afresh_does(string? method)
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder), pipeline = method is null ? plain : plain.With(method, new { Tokens = 7 });
        using Chat chat = pipeline.Chat();

        await SameAsAfresh(chat, "abc?", [_picture]);
        await SameAsAfresh(chat, "and this?", [_other]);
        await SameAsAfresh(chat, "a?", []);
        await SameAsAfresh(chat, "those two?", [_other, _picture]);
        await SameAsAfresh(chat, "why?", []);

        Assert.Equal(5, chat.Turns.Count);
        Assert.Equal(10, chat.Messages.Count);
        int tokens = chat.Turns[0].Answer.VisualTokens;
        Assert.True(method is null ? tokens == 16 : tokens is > 0 and <= 7);
        Assert.Equal([tokens, 0, 2 * tokens, 0], chat.Turns.Skip(1).Select(turn => turn.Answer.VisualTokens)); // a turn's figures are its own
        Assert.Equal(2, chat.Turns[3].Answer.TokenMaps.Count);
        Assert.Empty(chat.Turns[2].Answer.TokenMaps);
    }

    [Fact]
    public async Task A_trained_model_goes_on_as_if_asked_afresh_and_a_chat_may_begin_without_a_picture()
    {
        await using EngineSession session = small.Open();
        using Chat chat = session.Load(_shelf).Chat();
        Image shelf = Image.Load(Repository.Path("scripts", "shelf.png"));

        await SameAsAfresh(chat, "Is there a boot?", []);
        await SameAsAfresh(chat, "How many boots are there?", [shelf]);
        await SameAsAfresh(chat, "Is there a bag?", []);
        await SameAsAfresh(chat, "How many hats are there?", [Image.Load(Repository.Path("scripts", "data", "shelf-eval", "000.png"))]);
    }

    [Fact]
    public async Task A_turn_runs_its_new_rows_alone_and_sees_its_new_pictures_alone()
    {
        await using EngineSession session = small.Open();
        List<(DecoderPhase Phase, int Rows)> ran = [];
        int pictures = 0;
        Pipeline pipeline = session.Load(small.Folder).With(new ProbeReducer("listener", sites =>
        {
            sites.BeforeLayer(0, DecoderPhase.Prefill | DecoderPhase.Append, (context, _) =>
            {
                ran.Add((context.Phase, context.Layout(0).Count));
                return null;
            });
            sites.BeforeDecoder((context, tokens) =>
            {
                Assert.Equal(pictures++, context.Image);
                return tokens;
            });
        }));
        using Chat chat = pipeline.Chat();

        await chat.Ask("abc?", _picture, _short);
        int first = await RowsAfresh(pipeline, chat.Messages.SkipLast(1)), whole = 0;
        (ran, pictures) = ([.. ran.Take(1)], 1);
        await chat.Ask("and this?", _other, _short);
        (List<(DecoderPhase Phase, int Rows)> live, Answer second) = ([.. ran], chat.Turns[1].Answer);
        whole = await RowsAfresh(pipeline, chat.Messages.SkipLast(1));
        pictures = 0;
        Answer afresh = await pipeline.Ask([.. chat.Messages.SkipLast(1)], _short);

        Assert.Equal([(DecoderPhase.Prefill, first), (DecoderPhase.Append, chat.Turns[1].PrefilledRows)], live);
        Assert.InRange(chat.Turns[1].PrefilledRows, whole - first - _short.MaxNewTokens, whole - first);
        Assert.Equal(afresh.Tokens, second.Tokens);
        Assert.Equal(afresh.Flops.Vision, 2 * second.Flops.Vision);
        Assert.Equal(afresh.Flops.Projector, 2 * second.Flops.Projector);
        DecoderInfo info = pipeline.Model.Decoder.Info;
        long rows = chat.Turns[1].PrefilledRows, d = info.HiddenSize, kv = info.KeyValueHeads * info.HeadSize;
        long perLayer = (rows * d * ((2 * d) + (2 * kv))) + (2 * rows * whole * d) + (3 * rows * d * info.IntermediateSize);
        Assert.Equal(2 * info.Layers * perLayer, second.Flops.Decoder); // new rows against all keys
    }

    [Fact]
    public async Task A_stopped_answer_is_kept_and_goes_on_with_the_tokens_of_an_unbroken_one()
    {
        await using EngineSession session = small.Open();
        GenerationOptions options = new() { MaxNewTokens = 9 };
        Pipeline pipeline = session.Load(small.Folder);
        Answer unbroken = await pipeline.Ask(_picture, "abc?", options);
        using Chat chat = pipeline.Chat();

        Stopped(2, (onPiece, token) => chat.AskNow("abc?", [_picture], options, onPiece, token));
        Assert.Equal(FinishReason.Stopped, chat.Turns[0].Answer.Finish);
        Assert.Equal(unbroken.Tokens.Take(2), chat.Turns[0].Answer.Tokens);
        Stopped(3, (onPiece, token) => chat.ContinueNow(null, onPiece, token));
        Assert.Equal(unbroken.Tokens.Take(5), chat.Turns[0].Answer.Tokens);
        Assert.Equal(0, chat.Turns[0].PrefilledRows);
        string rest = "";
        Answer whole = chat.ContinueNow(null, piece => rest += piece, CancellationToken.None);

        Assert.Equal(unbroken.Tokens, whole.Tokens);
        Assert.Equal(unbroken.Text, whole.Text);
        Assert.EndsWith(rest.Trim(), whole.Text, StringComparison.Ordinal);
        Assert.Equal(FinishReason.Length, whole.Finish);
        Assert.Equal(unbroken.CacheBytes, whole.CacheBytes);

        Answer longer = await chat.Continue();
        Assert.Equal((await pipeline.Ask(_picture, "abc?", options with { MaxNewTokens = 18 })).Tokens, longer.Tokens);
        await SameAsAfresh(chat, "and?", [_other]);
    }

    [Fact]
    public async Task After_a_stop_the_next_question_sees_what_was_answered()
    {
        await using EngineSession session = small.Open();
        using Chat chat = session.Load(small.Folder).Chat();
        Stopped(3, (onPiece, token) => chat.AskNow("abc?", [_picture], new GenerationOptions { MaxNewTokens = 30 }, onPiece, token));

        await SameAsAfresh(chat, "and?", []);

        Assert.Equal(chat.Turns[0].Answer.Text, chat.Messages[1].Text);
    }

    [Fact]
    public async Task A_stream_joins_to_the_answer_and_leaving_it_stops()
    {
        await using EngineSession session = small.Open();
        // Tokens come slowly, so that whoever leaves is far from the last one.
        using Chat chat = session.Load(small.Folder).With(new LambdaMethod("slow", sites => sites.BeforeLayer(1, DecoderPhase.Decode, Wait))).Chat();
        string joined = "";
        await foreach (string piece in chat.Stream("abc?", _picture, _short))
        {
            joined += piece;
        }

        await foreach (string piece in chat.Stream("and?", options: new GenerationOptions { MaxNewTokens = 200 }))
        {
            break;
        }

        Assert.Equal(chat.Turns[0].Answer.Text, joined.Trim());
        Assert.Equal(FinishReason.Stopped, chat.Turns[1].Answer.Finish);
        Assert.True(chat.Turns[1].CanContinue);
        await SameAsAfresh(chat, "a?", []);

        static Tensor? Wait(ILayerContext context, Tensor rows)
        {
            Thread.Sleep(20);
            return null;
        }
    }

    [Fact]
    public async Task What_was_taken_back_was_never_asked()
    {
        await using EngineSession session = small.Open();
        using Chat chat = session.Load(small.Folder).Chat();
        await chat.Ask("abc?", _picture, _short);
        await chat.Ask("and this?", _other, _short);

        Assert.Equal("and this?", chat.Undo()!.Question);
        await SameAsAfresh(chat, "and that?", [_picture]);
        chat.Undo();
        chat.Undo();
        Assert.Null(chat.Undo());
        await SameAsAfresh(chat, "abc?", [_picture]);
        Assert.Equal(1, chat.Turns[0].PrefilledRows); // the same prompt: its last row gives the next token
        chat.Clear();
        Assert.Empty(chat.Messages);
        await SameAsAfresh(chat, "abc?", [_other]);
        Assert.True(chat.Turns[0].PrefilledRows > 16);
    }

    [Fact]
    public async Task Turns_asked_at_once_come_in_order_and_between_them_others_have_their_turn()
    {
        await using EngineSession session = small.Open();
        Pipeline pipeline = session.Load(small.Folder);
        using Chat chat = pipeline.Chat();

        Task<Answer> first = chat.Ask("abc?", _picture, _short), second = chat.Ask("and?", options: _short), other = pipeline.Ask(_other, "a?", _short);
        ApertureException? busy = Record.Exception(() => chat.Clear()) as ApertureException;
        await Task.WhenAll(first, second, other);

        Assert.Contains("is answering", busy!.Message, StringComparison.Ordinal);
        Assert.Equal(["abc?", "and?"], chat.Turns.Select(turn => turn.Question));
        Assert.Equal((await pipeline.Ask([.. chat.Messages.SkipLast(1)], _short)).Tokens, (await second).Tokens);
        Assert.Equal(0, pipeline.Model.Requests.Count);
    }

    [Fact]
    public async Task A_conversation_that_is_longer_than_the_model_reads_is_refused_in_one_line_and_the_chat_goes_on()
    {
        List<string> notices = [];
        await using EngineSession session = Open(notices);
        using Chat chat = session.Load(small.Folder).Chat();
        await chat.Ask("abc?", _picture, _short);

        ApertureException error = await Assert.ThrowsAsync<ApertureException>(() => chat.Ask(string.Join(' ', Enumerable.Repeat("word", 600))));
        Answer cut = await chat.Ask(string.Join(' ', Enumerable.Repeat("a", 150)), options: new GenerationOptions { MaxNewTokens = 600 });

        Assert.Contains("more than the 512 that small can read; undo turns or clear the chat", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Equal(FinishReason.Length, cut.Finish);
        Assert.Contains("ends where the 512 positions of small do", Assert.Single(notices), StringComparison.Ordinal);
        chat.Undo();
        await SameAsAfresh(chat, "and?", []);
    }

    [Fact]
    public async Task A_reload_ends_the_live_cache_with_one_line_and_the_plugin_leaves()
    {
        List<string> notices = [];
        await using EngineSession session = EngineSessions.OpenAlone(onNotice: notices.Add);
        using Chat chat = session.Load(small.Folder).With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } }).Chat();
        await chat.Ask("abc?", _picture, _short);

        PluginReload reload = await session.ReloadAsync("fitprune");
        await SameAsAfresh(chat, "and?", []);
        await chat.Ask("a?", options: _short);

        Assert.IsType<PluginUnload.Unloaded>(reload.Unload);
        Assert.Contains("reloaded or disposed", notices[0], StringComparison.Ordinal);
        Assert.Contains("later turns go on with those", notices[1], StringComparison.Ordinal);
        Assert.Equal(2, notices.Count);
        Assert.True(chat.Turns[2].PrefilledRows < chat.Turns[1].PrefilledRows);
    }

    [Fact]
    public async Task What_is_disposed_says_so_in_one_line()
    {
        await using EngineSession session = small.Open();
        Pipeline pipeline = session.Load(small.Folder);
        using Chat chat = pipeline.Chat(), other = pipeline.Chat(), third = pipeline.Chat();
        await chat.Ask("abc?", _picture, _short);
        chat.Dispose();
        string disposed = (await Assert.ThrowsAsync<ApertureException>(() => chat.Ask("and?"))).Message;
        await other.Ask("abc?", _picture, _short);
        pipeline.Model.Dispose();
        LiveTensors.MustNotGrow(() => other.Dispose()); // the model's end has freed the chat's cache: there is nothing left to free
        string unloaded = (await Assert.ThrowsAsync<ApertureException>(() => third.Ask("and?"))).Message;
        string nothing = (await Assert.ThrowsAsync<ApertureException>(() => session.Load(small.Folder).Chat().Continue())).Message;

        Assert.Contains("chat is disposed", disposed, StringComparison.Ordinal);
        Assert.Contains("The model 'small' is disposed", unloaded, StringComparison.Ordinal);
        Assert.Contains("ask a question first", nothing, StringComparison.Ordinal);
        Assert.Single(chat.Turns);
    }

    [Fact]
    public async Task A_chat_leaves_no_tensors_whatever_happens_in_it()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder), pruned = plain.With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } });
        Talk(plain);
        Talk(pruned);

        long before = LiveTensors.Settled();
        Talk(plain);
        Talk(pruned);
        Assert.Equal(before, LiveTensors.Settled());

        void Talk(Pipeline pipeline)
        {
            using Chat chat = pipeline.Chat();
            chat.AskNow("abc?", [_picture], _short, null, CancellationToken.None);
            Stopped(2, (onPiece, token) => chat.AskNow("and?", [], new GenerationOptions { MaxNewTokens = 30 }, onPiece, token));
            chat.ContinueNow(_short, null, CancellationToken.None);
            chat.AskNow("this?", [_other, _picture], _short, null, CancellationToken.None);
            chat.Undo();
            Assert.Throws<ApertureException>(() => chat.AskNow(string.Join(' ', Enumerable.Repeat("word", 600)), [], _short, null, CancellationToken.None));
            chat.AskNow("this?", [_other], _short with { Beams = 2 }, null, CancellationToken.None);
            chat.AskNow("and?", [], _short, null, CancellationToken.None);
        }
    }

    // Asks in the chat and afresh; both must say the same.
    internal static async Task<Answer> SameAsAfresh(Chat chat, string question, IReadOnlyList<Image> images)
    {
        Message[] whole = [.. chat.Messages, Message.User(question, images)];
        Answer live = await chat.Ask(question, images, _short), afresh = await chat.Pipeline.Ask(whole, _short);
        Assert.Equal(afresh.Tokens, live.Tokens);
        Assert.Equal(afresh.Text, live.Text);
        Assert.Equal(afresh.CacheBytes, live.CacheBytes);
        return live;
    }

    // Stops an answer when it has as many tokens more as are given.
    internal static void Stopped(int tokens, Func<Action<string>, CancellationToken, Answer> ask)
    {
        using CancellationTokenSource stop = new();
        int came = 0;
        Assert.ThrowsAny<OperationCanceledException>(() => ask(
            _ =>
            {
                if (++came == tokens)
                {
                    stop.Cancel();
                }
            },
            stop.Token));
    }

    private static EngineSession Open(List<string> notices) => EngineSessions.Open(onNotice: notices.Add);

    private static async Task<int> RowsAfresh(Pipeline pipeline, IEnumerable<Message> messages)
    {
        int rows = 0;
        using Pipeline counted = pipeline.Plain().With(new ProbeReducer("rows", sites => sites.BeforeLayer(0, DecoderPhase.Prefill, (context, _) =>
        {
            rows = context.Layout(0).Count;
            return null;
        })));
        await counted.Ask([.. messages], _short);
        return rows;
    }
}
