using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Host.Tests.Decoding;
using Aperture.Sequences;
using Aperture.Tasks;

namespace Aperture.Host.Tests.Generation;

[Collection(DecodingCollection.Name)]
public sealed class GenerationSessionTests
{
    private static readonly GenerationOptions _options = new() { MaxNewTokens = 5 };

    [Fact]
    public void A_later_turn_on_the_live_cache_answers_as_the_whole_conversation_does()
    {
        using SmallDecoder small = new();
        TokenGenerator generator = new(small.Decoder);
        int[] prompt = SmallDecoder.Ids(6), turn = SmallDecoder.Ids(4, 5);

        using GenerationSession session = generator.Begin(TokenGeneratorTests.Input(small, [prompt]), null, null, 32, CancellationToken.None);
        int[] first = session.Generate(_options, GenerationControl.None, null, CancellationToken.None).Sequences[0].Tokens;
        session.Append(small.Decoder.Embed(turn), [[new Span(SpanKind.Text, turn.Length)]], CancellationToken.None);
        int[] second = session.Generate(_options, GenerationControl.None, null, CancellationToken.None).Sequences[0].Tokens;

        int[] whole = [.. prompt, .. first, .. turn];
        GenerationResult expected = generator.Generate(TokenGeneratorTests.Input(small, [whole]), _options);
        Assert.Equal(expected.Sequences[0].Tokens, second);
        Assert.Equal(whole.Length + 4, session.Request.Cache!.Length(0, 0));
    }

    [Fact]
    public void Appended_rows_run_in_their_own_phase_after_the_unfed_token()
    {
        using SmallDecoder small = new();
        List<(DecoderPhase Phase, int Step, int[] Positions)> seen = [];
        HookTable table = small.Table(new ProbeReducer("listener", sites => sites.BeforeLayer(0, DecoderPhase.Append, (context, _) =>
        {
            seen.Add((context.Phase, context.Request.Step, context.Layout(0).Positions.ToArray()));
            return null;
        })));

        using GenerationSession session = new TokenGenerator(small.Decoder)
            .Begin(TokenGeneratorTests.Input(small, [SmallDecoder.Ids(6)]), table, null, 32, CancellationToken.None);
        session.Generate(_options with { MaxNewTokens = 2 }, GenerationControl.None, null, CancellationToken.None);
        session.Append(small.Decoder.Embed([3, 4]), [[new Span(SpanKind.Text, 2)]], CancellationToken.None);

        (DecoderPhase phase, int step, int[] positions) = Assert.Single(seen);
        Assert.Equal((DecoderPhase.Append, 2), (phase, step));
        Assert.Equal([7, 8, 9], positions);
    }

    [Fact]
    public void Nothing_is_appended_after_beams()
    {
        using SmallDecoder small = new();
        using GenerationSession session = new TokenGenerator(small.Decoder)
            .Begin(TokenGeneratorTests.Input(small, [SmallDecoder.Ids(6)]), null, null, 32, CancellationToken.None);
        session.Generate(_options with { Beams = 2 }, GenerationControl.None, null, CancellationToken.None);

        Assert.False(session.CanAppend);
        Assert.Throws<InvalidOperationException>(() => session.Append(small.Decoder.Embed([1]), [[new Span(SpanKind.Text, 1)]], CancellationToken.None));
    }

    [Fact]
    public void A_chat_leaves_no_tensors()
    {
        using SmallDecoder small = new();
        void Chat()
        {
            using GenerationSession session = new TokenGenerator(small.Decoder)
                .Begin(TokenGeneratorTests.Input(small, [SmallDecoder.Ids(6)]), null, null, 2, CancellationToken.None);
            for (int turn = 0; turn < 3; turn++)
            {
                session.Generate(_options, GenerationControl.None, null, CancellationToken.None);
                session.Append(small.Decoder.Embed([1, 2, turn]), [[new Span(SpanKind.Text, 3)]], CancellationToken.None);
            }
        }

        Chat();
        LiveTensors.MustNotGrow(Chat);
    }

    [Fact]
    public void Asking_twice_without_new_rows_is_an_error()
    {
        using SmallDecoder small = new();
        using GenerationSession session = new TokenGenerator(small.Decoder)
            .Begin(TokenGeneratorTests.Input(small, [SmallDecoder.Ids(6)]), null, null, 32, CancellationToken.None);
        session.Generate(_options, GenerationControl.None, null, CancellationToken.None);

        Assert.Throws<InvalidOperationException>(() => session.Generate(_options, GenerationControl.None, null, CancellationToken.None));
    }

    [Fact]
    public void Rows_that_do_not_fit_the_layouts_are_refused_and_disposed()
    {
        using SmallDecoder small = new();
        small.Prefill([SmallDecoder.LayoutOf(3)], SmallDecoder.Ids(3)).Dispose();

        LiveTensors.MustNotGrow(() => Assert.Throws<ArgumentException>(() =>
            new TokenGenerator(small.Decoder).Generate(new GenerationInput(small.Decoder.Embed([1, 2]), [SmallDecoder.LayoutOf(3)]), _options)));
    }
}
