using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Tasks;

namespace Aperture.Engine.Tests.Generation;

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
    public void An_appended_picture_is_numbered_on_every_axis_and_the_next_row_follows_the_largest()
    {
        using SmallDecoder small = new(SmallDecoder.ConfigOf() with { Rotary = new RotaryConfig { Dimensions = 8, Theta = 100, Sections = [1, 1, 2] } });
        int[] prompt = SmallDecoder.Ids(4), turn = SmallDecoder.Ids(9, 5);
        // One row of text, a picture of 2 x 3, two rows of text: the picture takes three numbers for its six rows.
        int[][] own = [[0, 1, 1, 1, 1, 1, 1, 4, 5], [0, 1, 1, 1, 2, 2, 2, 4, 5], [0, 1, 2, 3, 1, 2, 3, 4, 5]];
        Span[] spans = [new Span(SpanKind.Text, 1), new Span(SpanKind.Image, 6) { Image = 0, Grid = new VisualGrid(2, 3) }, new Span(SpanKind.Text, 2)];
        TokenGenerator generator = new(small.Decoder);

        using GenerationSession session = generator.Begin(TokenGeneratorTests.Input(small, [prompt]), null, null, 32, CancellationToken.None);
        int[] first = session.Generate(_options, GenerationControl.None, null, CancellationToken.None).Sequences[0].Tokens;
        session.Append(small.Decoder.Embed(turn), [SequenceLayout.Create(spans, own)], CancellationToken.None);
        Assert.Equal(prompt.Length + first.Length + 6, session.Request.NextPosition(0));
        int[] second = session.Generate(_options, GenerationControl.None, null, CancellationToken.None).Sequences[0].Tokens;

        int text = prompt.Length + first.Length;
        SequenceLayout whole = SequenceLayout.Create(
            [new Span(SpanKind.Text, text), .. spans],
            [.. own.Select(axis => (int[])[.. Enumerable.Range(0, text), .. axis.Select(position => text + position)])]);
        GenerationResult expected = generator.Generate(new GenerationInput(small.Decoder.Embed([.. prompt, .. first, .. turn]), [whole]), _options);
        Assert.Equal(expected.Sequences[0].Tokens, second);
    }

    [Fact]
    public void A_session_goes_back_to_its_first_rows_and_on_from_there()
    {
        using SmallDecoder small = new();
        TokenGenerator generator = new(small.Decoder);
        int[] prompt = SmallDecoder.Ids(6), turn = SmallDecoder.Ids(3, 7);

        using GenerationSession session = generator.Begin(TokenGeneratorTests.Input(small, [prompt]), null, null, 2, CancellationToken.None);
        session.Generate(_options, GenerationControl.None, null, CancellationToken.None);
        Assert.Equal(10, session.LiveRows);
        Assert.Equal([8, 6, 0], new[] { 8, 6, 5 }.Select(session.Border));
        session.Rewind(5);
        session.Extend(small.Decoder.Embed(turn), SequenceLayout.Create([new Span(SpanKind.Text, 3)], [5, 6, 7]), 8, CancellationToken.None);
        int[] again = session.Generate(_options, GenerationControl.None, null, CancellationToken.None).Sequences[0].Tokens;

        Assert.Equal(generator.Generate(TokenGeneratorTests.Input(small, [[.. prompt[..5], .. turn]]), _options).Sequences[0].Tokens, again);
        Assert.Equal(12, session.Request.Cache!.Length(0, 0));
        Assert.Equal(12 * 3 * 2 * 2 * 8 * 4, session.Request.Cache.Bytes); // rows, layers, keys and values, heads of eight floats
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
