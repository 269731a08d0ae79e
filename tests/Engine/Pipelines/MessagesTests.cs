using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Sequences;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>Questions with several pictures or none, and conversations.</summary>
[Collection(WholeProcess.Name)]
public sealed class MessagesTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 4 };
    private readonly Image _picture = Image.Load(small.Picture);
    private readonly Image _other = Image.Filled(30, 30, 200, 40, 90);

    [Fact]
    public async Task One_message_is_the_short_form()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);

        Answer brief = await plain.Ask(_picture, "abc?", _short);
        Answer message = await plain.Ask([Message.User("abc?", _picture)], _short);
        Answer list = await plain.Ask([_picture], "abc?", _short);

        Assert.All([message, list], answer =>
        {
            Assert.Equal(brief.Tokens, answer.Tokens);
            Assert.Equal(brief.Flops, answer.Flops);
        });
        Assert.Equal((await plain.Ask(null, "abc?", _short)).Tokens, (await plain.Ask([Message.User("abc?")], _short)).Tokens);
    }

    [Fact]
    public async Task Several_pictures_stand_in_their_order_in_front_of_the_question()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);

        Answer both = await plain.Ask([_picture, _other], "abc?", _short);
        Answer message = await plain.Ask([Message.User("abc?", _picture, _other)], _short);
        SequenceLayout layout = await LayoutOf(plain, [Message.User("abc?", _picture, _other)]);

        Assert.Equal(both.Tokens, message.Tokens);
        Assert.Equal(32, both.VisualTokens);
        Assert.Equal([16, 16], both.TokenMaps.Select(map => map.Kept[0].Count));
        Assert.Equal([0, 1], layout.OriginalSpans.Where(span => span.Kind == SpanKind.Image).Select(span => span.Image));
    }

    [Fact]
    public async Task A_picture_stands_in_the_turn_that_shows_it()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Message[] talk =
        [
            Message.User("abc?", _picture),
            Message.Assistant("ab"),
            Message.User("and this?", _other),
            Message.Assistant("b"),
            Message.User("a?"),
        ];

        SequenceLayout layout = await LayoutOf(plain, talk);
        SequenceLayout first = await LayoutOf(plain, [talk[0]]);
        Answer answer = await plain.Ask(talk, _short);

        Assert.Equal(
            [SpanKind.System, SpanKind.Image, SpanKind.Text, SpanKind.Image, SpanKind.Text],
            layout.OriginalSpans.Select(span => span.Kind));
        Assert.Equal(first.OriginalSpans[0].Length, layout.OriginalSpans[0].Length);
        Assert.True(layout.OriginalSpans[2].Length > first.OriginalSpans[2].Length); // the answer and what stands before the second picture
        Assert.Equal(32, answer.VisualTokens);
    }

    [Fact]
    public async Task A_question_without_a_picture_has_no_visual_tokens()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);

        Answer answer = await plain.Ask(null, "abc?", _short);

        Assert.Equal(0, answer.VisualTokens);
        Assert.Null(answer.TokenMap);
        Assert.Equal(0, answer.Flops.Vision + answer.Flops.Projector);
    }

    [Fact]
    public async Task Instructions_stand_in_front()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder, session.Defaults with { Prompt = "vicuna_v1" });

        SequenceLayout brief = await LayoutOf(plain, [Message.System("a"), Message.User("abc?", _picture)]);
        SequenceLayout verbose = await LayoutOf(plain, [Message.System("a b c d e f g h"), Message.User("abc?", _picture)]);

        Assert.True(verbose.OriginalSpans[0].Length > brief.OriginalSpans[0].Length);
        Assert.Equal(brief.OriginalSpans[2].Length, verbose.OriginalSpans[2].Length);
    }

    [Fact]
    public async Task What_is_no_conversation_is_refused_in_one_line_and_leaves_no_tensor()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        await plain.Ask(_picture, "abc?", _short);
        long before = LiveTensors.Settled();

        await Refused([], "no question");
        await Refused([Message.User("abc?", _picture), Message.Assistant("a")], "end it with the user's");
        await Refused([Message.User("abc?"), Message.User("ab?"), Message.User("a?")], "take turns");
        await Refused([Message.Assistant("abc"), Message.User("ab?"), Message.User("a?")], "take turns");
        await Refused([Message.User(" ", _picture)], "The question is empty");
        await Refused([Message.User("abc <image>?", _picture)], "leave it out");
        await Refused([Message.User("abc?", _picture), Message.Assistant("<image>"), Message.User("a?")], "2 image placeholder(s) but 1 image(s)");
        await Refused([Message.System("abc"), Message.User("a?")], "no place for a system message");
        await Refused([Message.User("abc?"), new Message(PromptRole.Assistant, "a", _picture), Message.User("a?")], "0 image placeholder(s) but 1 image(s)");
        ApertureException empty = await Assert.ThrowsAsync<ApertureException>(() => plain.AskBatch([]));

        Assert.Contains("no question in the batch", empty.Message, StringComparison.Ordinal);
        Assert.Equal(before, LiveTensors.Settled());

        async Task Refused(Message[] messages, string says)
        {
            string message = (await Assert.ThrowsAsync<ApertureException>(() => plain.Ask(messages, _short))).Message;
            Assert.Contains(says, message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', message);
        }
    }

    private static async Task<SequenceLayout> LayoutOf(Pipeline pipeline, Message[] messages)
    {
        SequenceLayout? layout = null;
        ProbeReducer reading = new("reading", sites => sites.BeforeLayer(0, DecoderPhase.Prefill, (context, _) =>
        {
            layout = context.Layout(0);
            return null;
        }));
        await pipeline.With(reading).Ask(messages, _short);
        return layout!;
    }
}
