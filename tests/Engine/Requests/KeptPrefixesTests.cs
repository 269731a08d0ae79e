using Aperture.Comparing;
using Aperture.Data;
using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Requests;

/// <summary>Questions that begin like earlier ones: what is not computed again, that it changes no bit, and what is never kept.</summary>
[Collection(WholeProcess.Name)]
public sealed class KeptPrefixesTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 4 };
    private static readonly string _shelf = Repository.Path("scripts", "models", "tiny-llava");
    private readonly Image _picture = Image.Load(small.Picture);
    private readonly Image _other = Image.Filled(30, 30, 200, 40, 90);
    private readonly Image _photo = Image.Load(Repository.Path("scripts", "shelf.png"));

    [Fact]
    public async Task A_later_question_runs_the_rows_behind_the_picture_alone_and_encodes_nothing()
    {
        await using EngineSession session = small.Open();
        List<(DecoderPhase Phase, int Rows)> ran = [];
        Pipeline afresh = session.Load(small.Folder), keeping = afresh.With(Counting(ran)).KeepPrefixes();

        Answer first = await keeping.Ask(_picture, "abc?", _short);
        (DecoderPhase Phase, int Rows)[] cold = [.. ran];
        ran.Clear();
        Answer later = await keeping.Ask(Image.Load(small.Picture), "and where is it?", _short); // other pixels in memory, the same values
        Answer expected = await afresh.Ask(_picture, "and where is it?", _short);

        int start = cold[..^1].Sum(own => own.Rows);
        Assert.Equal(0, first.KeptTokens);
        Assert.Equal(first.PromptTokens, cold.Sum(own => own.Rows));
        Assert.Equal([DecoderPhase.Prefill, .. Enumerable.Repeat(DecoderPhase.Append, cold.Length - 1)], cold.Select(own => own.Phase));
        Assert.Equal(start, later.KeptTokens);
        Assert.Equal([(DecoderPhase.Append, later.PromptTokens)], ran);
        Assert.Equal(expected.PromptTokens, later.KeptTokens + later.PromptTokens);
        Assert.True(start > 16 && later.PromptTokens < 30, $"{start} rows in front, {later.PromptTokens} behind");
        Assert.Equal((0, 0L), (later.Times.Vision, later.Flops.Vision));
        Assert.True(first.Flops.Vision > 0);

        Assert.Equal(expected.Tokens, later.Tokens);
        Assert.Equal(expected.CacheBytes, later.CacheBytes);
        Assert.Equal(expected.VisualTokens, later.VisualTokens);
        Assert.Equal(expected.VisualTokensByLayer, later.VisualTokensByLayer);
        Assert.Equal(expected.TokenMap!.Kept, later.TokenMap!.Kept);
        DecoderInfo info = afresh.Model.Decoder.Info;
        long rows = later.PromptTokens, d = info.HiddenSize, kv = info.KeyValueHeads * info.HeadSize;
        long perLayer = (rows * d * ((2 * d) + (2 * kv))) + (2 * rows * (start + rows) * d) + (3 * rows * d * info.IntermediateSize);
        Assert.Equal(2 * info.Layers * perLayer, later.Flops.Decoder); // new rows against all keys
    }

    [Theory]
    [InlineData("float32")]
    [InlineData("bfloat16")]
    [InlineData("float32", "int8")]
    public async Task What_was_kept_changes_no_bit(string type, string cache = "auto")
    {
        ModelOptions options = new() { Type = type, Cache = cache, Threads = 1 };
        await using EngineSession session = EngineSessions.Open(options), other = EngineSessions.Open(options);
        Trailing cold = new(), warm = new();
        Pipeline unasked = session.Load(_shelf).With(cold).KeepPrefixes(), asked = other.Load(_shelf).With(warm).KeepPrefixes();
        await asked.Ask(_photo, "Is there a bag?", _short);
        await asked.Ask(_other, "Is there a bag?", _short);
        warm.Rows.Clear();

        Answer expected = await unasked.Ask(_photo, "How many boots are there?", _short);
        Answer answer = await asked.Ask(_photo, "How many boots are there?", _short);

        Assert.Equal(0, expected.KeptTokens);
        Assert.True(answer.KeptTokens >= 144);
        Assert.Equal(expected.Tokens, answer.Tokens);
        Assert.NotEmpty(warm.Rows);
        Assert.Equal(cold.Rows.TakeLast(warm.Rows.Count), warm.Rows); // those of the rows that ran, and of every decoded token
    }

    [Theory]
    [InlineData("float32", 1e-4)]
    [InlineData("bfloat16", 0.05)]
    public async Task Rows_of_a_prompt_in_pieces_are_near_those_of_one_in_one_piece(string type, double tolerance)
    {
        await using EngineSession session = EngineSessions.Open(new ModelOptions { Type = type, Threads = 1 });
        Trailing whole = new(), pieces = new();
        GenerationOptions one = new() { MaxNewTokens = 1 };
        Pipeline plain = session.Load(_shelf);

        foreach (string question in (string[])["How many boots are there?", "Is there a bag?", "What is in the top left?"])
        {
            await plain.With(whole).Ask(_photo, question, one);
            await plain.With(pieces).KeepPrefixes().Ask(_photo, question, one);
        }

        Assert.Equal(3, whole.Last.Count);
        double most = whole.Last.Zip(pieces.Last, (a, b) => a.Zip(b, (x, y) => Math.Abs((double)x - y)).Max() / a.Max(x => Math.Abs((double)x))).Max();
        Assert.InRange(most, 0, tolerance);
    }

    [Fact]
    public async Task Held_out_questions_get_the_answers_that_they_get_afresh()
    {
        await using EngineSession session = EngineSessions.Open(new ModelOptions { Type = "bfloat16", Threads = 1 });
        Pipeline afresh = session.Load(_shelf), keeping = afresh.KeepPrefixes();
        string folder = Repository.Path("scripts", "data", "shelf-eval");
        QuestionItem[] items = [.. QuestionFile.Read(Path.Combine(folder, "questions.jsonl"), needAnswers: true).Take(60)];
        int kept = 0;

        foreach (QuestionItem item in items)
        {
            Image shelf = Image.Load(item.Image!);
            Answer answer = await keeping.Ask(shelf, item.Question, _short);
            Assert.Equal((await afresh.Ask(shelf, item.Question, _short)).Text, answer.Text);
            kept += answer.KeptTokens > 0 ? 1 : 0;
        }

        Assert.Equal(items.Length - items.Select(item => item.Image).Distinct().Count(), kept);
        Assert.True(kept > 30);
    }

    [Theory]
    [InlineData("random")]
    [InlineData("pooling")]
    [InlineData("downsample")]
    [InlineData("sap")]
    [InlineData("random", "pooling")]
    public async Task Methods_that_see_a_picture_alone_let_prefixes_be_kept(params string[] methods)
    {
        await using EngineSession session = EngineSessions.Open();
        Pipeline afresh = methods.Aggregate(session.Load(_shelf), (made, method) => made.With(method)), keeping = afresh.KeepPrefixes();
        await keeping.Ask(_photo, "Is there a bag?", _short);

        foreach (string question in (string[])["How many boots are there?", "What is in the top left?", "Is there a white sandal?"])
        {
            Answer expected = await afresh.Ask(_photo, question, _short), answer = await keeping.Ask(_photo, question, _short);
            Assert.Equal(expected.Tokens, answer.Tokens);
            Assert.Equal(expected.VisualTokensByLayer, answer.VisualTokensByLayer);
            Assert.Equal(expected.TokenMap!.Kept, answer.TokenMap!.Kept);
            Assert.Equal(expected.PromptTokens, answer.KeptTokens + answer.PromptTokens);
            Assert.True(answer.KeptTokens >= answer.VisualTokens, $"{answer.KeptTokens} of {answer.VisualTokens} visual rows kept");
        }
    }

    [Theory]
    [InlineData("fitprune")]
    [InlineData("fastv")]
    [InlineData("dyvte")]
    [InlineData("gamma-mod")]
    [InlineData("eas")]
    [InlineData("embq")]
    [InlineData("pooling", "fitprune")]
    public async Task Methods_that_act_by_the_question_keep_no_row_and_answer_bit_for_bit_as_afresh(params string[] methods)
    {
        await using EngineSession session = EngineSessions.Open();
        Pipeline afresh = methods.Aggregate(session.Load(_shelf), (made, method) => made.With(method)), keeping = afresh.KeepPrefixes();
        await keeping.Ask(_photo, "Is there a bag?", _short);

        Answer expected = await afresh.Ask(_photo, "How many boots are there?", _short);
        Answer answer = await keeping.Ask(_photo, "How many boots are there?", _short);

        Assert.Equal((0, expected.PromptTokens), (answer.KeptTokens, answer.PromptTokens));
        Assert.Equal(expected.Tokens, answer.Tokens);
        Assert.Equal(expected.VisualTokensByLayer, answer.VisualTokensByLayer);
        Assert.Equal(expected.Flops.Decoder, answer.Flops.Decoder);
        Assert.Equal((0L, 0), (answer.Flops.Vision, answer.Times.Vision)); // the picture itself is the same
    }

    [Fact]
    public async Task A_method_of_ones_own_keeps_nothing_unless_it_says_so_and_acts_alike_in_every_piece()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder).KeepPrefixes();
        async Task<int> Kept(bool says, DecoderPhase phases)
        {
            Pipeline pipeline = plain.With(new ProbeReducer("own", sites => sites.BeforeLayer(1, phases, (_, _) => null), says));
            await pipeline.Ask(_picture, "abc?", _short);
            return (await pipeline.Ask(_picture, "abc?", _short)).KeptTokens;
        }

        Assert.Equal(0, await Kept(false, DecoderPhase.Prefill | DecoderPhase.Append));
        Assert.Equal(0, await Kept(true, DecoderPhase.Prefill));
        Assert.Equal(0, await Kept(true, DecoderPhase.Append));
        Assert.True(await Kept(true, DecoderPhase.Prefill | DecoderPhase.Append) > 0);
        Assert.True(await Kept(true, DecoderPhase.All) > 0);
    }

    [Fact]
    public async Task What_a_method_inside_the_encoder_saw_is_not_kept()
    {
        await using EngineSession session = small.Open();
        using EverySite method = new();
        Pipeline keeping = session.Load(small.Folder).With(method).KeepPrefixes();

        Answer first = await keeping.Ask(_picture, "abc?", _short), later = await keeping.Ask(_picture, "abc?", _short);

        Assert.Equal(2, method.Calls("Vision.AfterEmbedding"));
        Assert.Equal(first.Flops, later.Flops);
        Assert.Equal(0, session.KeptOf(keeping.Model).Bytes);
    }

    [Fact]
    public async Task A_method_that_drops_rows_of_its_own_accord_may_let_them_be_kept()
    {
        await using EngineSession session = small.Open();
        ProbeReducer thin = new(
            "thin",
            sites => sites.AfterLayer(1, DecoderPhase.Prefill | DecoderPhase.Append, needsAttention: false, (context, _, _)
                => new RowSelection([.. Enumerable.Range(0, context.Samples).Select(sample => Odd(context.Layout(sample)))])),
            keepsPrefixes: true);
        Pipeline afresh = session.Load(small.Folder).With(thin), keeping = afresh.KeepPrefixes();
        await keeping.Ask(_picture, "abc?", _short);

        Answer expected = await afresh.Ask(_picture, "and this?", _short), answer = await keeping.Ask(_picture, "and this?", _short);

        Assert.True(answer.KeptTokens > 0);
        Assert.Equal([16, 8, 8, 8], answer.VisualTokensByLayer);
        Assert.Equal(expected.VisualTokensByLayer, answer.VisualTokensByLayer);
        Assert.Equal(expected.TokenMap!.Kept, answer.TokenMap!.Kept);
        Assert.Equal(expected.CacheBytes, answer.CacheBytes);
        Assert.Equal(expected.Tokens, answer.Tokens);

        static int[] Odd(SequenceLayout layout)
            => [.. Enumerable.Range(0, layout.Count).Where(row => layout.ImageOf(row) < 0 || layout.PlaceOf(row) % 2 == 1)];
    }

    [Fact]
    public async Task A_picture_that_differs_in_one_value_is_another()
    {
        await using EngineSession session = small.Open();
        Pipeline keeping = session.Load(small.Folder).KeepPrefixes();
        byte[] pixels = _picture.ConvertToRgb().Pixels.ToArray();
        pixels[^1] ^= 1;
        Image near = Image.FromRgb(pixels, _picture.Width, _picture.Height);
        await keeping.Ask(_picture, "abc?", _short);

        Answer answer = await keeping.Ask(near, "abc?", _short);

        Assert.True(answer.Flops.Vision > 0);
        Assert.Equal((await session.Load(small.Folder).Ask(near, "abc?", _short)).Tokens, answer.Tokens);
    }

    [Fact]
    public async Task Conversations_and_several_pictures_go_on_behind_what_they_have_in_common()
    {
        await using EngineSession session = small.Open();
        Pipeline afresh = session.Load(small.Folder), keeping = afresh.KeepPrefixes();
        await keeping.Ask([_picture], "abc?", _short);
        Message[] talk = [Message.User("abc?", _picture), Message.Assistant("b"), Message.User("and this?", _other)];

        Answer grown = await keeping.Ask(talk, _short);
        Answer again = await keeping.Ask([.. talk, Message.Assistant("c"), Message.User("why?")], _short);
        Answer turned = await keeping.Ask([_other, _picture], "abc?", _short);

        Assert.True(grown.KeptTokens > 0 && again.KeptTokens > grown.KeptTokens + 16);
        Assert.Equal(0, turned.Flops.Vision); // both were seen; the rows stand elsewhere
        Assert.Equal((await afresh.Ask(_other, "a?", _short)).Flops.Vision, grown.Flops.Vision);
        Assert.Equal((await afresh.Ask(talk, _short)).Tokens, grown.Tokens);
        Assert.Equal((await afresh.Ask([.. talk, Message.Assistant("c"), Message.User("why?")], _short)).Tokens, again.Tokens);
        Assert.Equal((await afresh.Ask([_other, _picture], "abc?", _short)).Tokens, turned.Tokens);
    }

    [Fact]
    public async Task Long_instructions_without_a_picture_recur_too()
    {
        await using EngineSession session = small.Open();
        Pipeline afresh = session.Load(small.Folder), keeping = afresh.KeepPrefixes();
        string instructions = string.Join(' ', Enumerable.Repeat("abc", 80));

        Answer first = await keeping.Ask((Image?)null, instructions + " a?", _short);
        Answer later = await keeping.Ask((Image?)null, instructions + " b or c?", _short);

        Assert.Equal(0, first.KeptTokens);
        Assert.True(later.KeptTokens >= 128 && later.KeptTokens % 128 == 0, $"{later.KeptTokens} rows kept");
        Assert.Equal((await afresh.Ask((Image?)null, instructions + " b or c?", _short)).Tokens, later.Tokens);
    }

    [Fact]
    public async Task A_batch_shares_one_picture_and_one_prefix_and_answers_as_each_alone()
    {
        await using EngineSession session = small.Open();
        Pipeline afresh = session.Load(small.Folder), keeping = afresh.KeepPrefixes();
        (Image?, string)[] questions = [(_picture, "abc?"), (_other, "a?"), (_picture, "and this?"), (null, "ab?"), (_picture, "c?")];

        IReadOnlyList<Answer> together = await keeping.AskBatch(questions, _short);

        int start = together[2].KeptTokens;
        Assert.True(start > 16);
        Assert.Equal([0, 0, start, 0, start], together.Select((answer, i) => i == 1 ? 0 : answer.KeptTokens));
        Assert.Equal(2 * (await afresh.Ask(_picture, "a?", _short)).Flops.Vision, together[0].Flops.Vision); // two pictures for four questions about them
        for (int i = 0; i < questions.Length; i++)
        {
            Assert.Equal((await afresh.Ask(questions[i].Item1, questions[i].Item2, _short)).Tokens, together[i].Tokens);
        }

        GenerationOptions beams = _short with { Beams = 3 };
        Assert.Equal((await afresh.Ask(_picture, "abc?", beams)).Tokens, (await keeping.Ask(_picture, "abc?", beams)).Tokens);
    }

    [Fact]
    public async Task What_is_kept_lies_within_its_memory_and_the_oldest_goes_first()
    {
        await using EngineSession session = small.Open();
        Pipeline pipeline = session.Load(small.Folder);
        Answer one = await pipeline.KeepPrefixes().Ask(_picture, "abc?", _short);
        long bytes = session.KeptOf(pipeline.Model).Bytes;
        Assert.True(bytes > one.CacheBytes / 2);
        async Task<int> Kept(long memory)
        {
            await using EngineSession bounded = EngineSessions.Open(prefixMemory: memory);
            Pipeline keeping = bounded.Load(small.Folder).KeepPrefixes();
            Assert.Equal(one.Tokens, (await keeping.Ask(_picture, "abc?", _short)).Tokens);
            foreach (byte shade in (byte[])[10, 60, 110, 160])
            {
                await keeping.Ask(Image.Filled(40, 30, shade, shade, 90), "abc?", _short);
                Assert.InRange(bounded.KeptOf(keeping.Model).Bytes, 0, Math.Max(memory, 0));
            }

            Answer last = await keeping.Ask(Image.Filled(40, 30, 160, 160, 90), "a?", _short), first = await keeping.Ask(_picture, "a?", _short);
            Assert.True(last.KeptTokens > 0 || memory < bytes);
            return first.KeptTokens;
        }

        Assert.True(await Kept(5 * bytes) > 0);
        Assert.InRange(await Kept(2 * bytes), 0, 15); // at most what stands in front of every picture
        Assert.Equal(0, await Kept(0));
        Assert.Equal(0, await Kept(-1));
    }

    [Fact]
    public async Task Other_options_reloading_and_disposing_drop_what_was_kept()
    {
        await using EngineSession session = EngineSessions.OpenAlone();
        Pipeline plain = session.Load(small.Folder).KeepPrefixes(), pooled = plain.With("pooling", new { Tokens = 12 });
        await plain.Ask(_picture, "abc?", _short);
        long before = session.KeptOf(plain.Model).Bytes;
        await pooled.Ask(_picture, "abc?", _short);
        Assert.True(session.KeptOf(plain.Model).Bytes > before);
        Assert.True((await pooled.Ask(_picture, "a?", _short)).KeptTokens > 0);

        Assert.Equal(0, (await plain.With("pooling", new { Tokens = 12 }).Ask(_picture, "a?", _short)).KeptTokens); // made anew
        Assert.Equal(0, (await plain.With("random", new { Tokens = 12 }).Ask(_picture, "a?", _short)).KeptTokens);
        Assert.True((await session.ReloadAsync("baselines")).Reloaded);
        Assert.Equal(before, session.KeptOf(plain.Model).Bytes);
        Assert.Equal(0, (await pooled.Ask(_picture, "a?", _short)).KeptTokens);
        Assert.True(session.KeptOf(plain.Model).Bytes > before);
        pooled.Dispose();

        Assert.Equal(before, session.KeptOf(plain.Model).Bytes);
        Assert.True((await plain.Ask(_picture, "a?", _short)).KeptTokens > 0);
        plain.Model.Dispose();
        Assert.Equal(0, session.KeptOf(plain.Model).Bytes);
    }

    [Fact]
    public async Task Nothing_is_kept_unless_asked_for_and_measuring_keeps_nothing()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Assert.False(plain.KeepsPrefixes);
        await plain.Ask(_picture, "abc?", _short);
        await plain.KeepPrefixes().KeepPrefixes(false).Ask(_picture, "abc?", _short);
        Measurer.Measure(plain.KeepPrefixes(), _picture, "abc?", new MeasureOptions { Runs = 1, Generation = _short });
        await plain.KeepPrefixes().See(_picture);
        Assert.Equal(0, session.KeptOf(plain.Model).Bytes);
        Assert.True(plain.KeepPrefixes().With("pooling").Plain().KeepsPrefixes);
    }

    [Fact]
    public async Task Every_tensor_is_given_back_also_by_questions_that_were_stopped_in_front_of_the_picture()
    {
        await using EngineSession session = small.Open();
        using CancellationTokenSource stop = new();
        BeforeLayerHook stops = (_, _) =>
        {
            stop.Cancel();
            return null;
        };
        Pipeline plain = session.Load(small.Folder), keeping = plain.KeepPrefixes(), stopping = keeping.With(
            new ProbeReducer("stop", sites => sites.BeforeLayer(2, DecoderPhase.Prefill | DecoderPhase.Append, stops), keepsPrefixes: true));
        await plain.Ask(_picture, "abc?", _short);
        long before = LiveTensors.Settled();

        await keeping.Ask(_picture, "abc?", _short);
        long kept = LiveTensors.Settled();
        await keeping.Ask(_picture, "and this?", _short);
        await keeping.Ask(_picture, "a?", _short);
        Assert.True(kept > before);
        Assert.Equal(kept, LiveTensors.Settled());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopping.Ask(_picture, "abc?", _short, stop.Token));
        Assert.Equal(kept, LiveTensors.Settled());
        session.KeptOf(plain.Model).Dispose();
        Assert.Equal(before, LiveTensors.Settled());
    }

    [Fact]
    public async Task Questions_from_many_threads_beside_disposals_are_answered_as_each_alone()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        string[] questions = ["abc?", "a?", "and this?", "b or c?"];
        Answer[] alone = [.. questions.Select(question => plain.KeepPrefixes().AskNow(_picture, question, _short, null, CancellationToken.None))];
        Pipeline shared = plain.With("pooling", new { Tokens = 16 }).KeepPrefixes();

        Task<Answer>[] asked = [.. Enumerable.Range(0, 60).Select(i => Task.Run(async () =>
        {
            using Pipeline own = plain.With("pooling", new { Tokens = 16 }).KeepPrefixes();
            Task<Answer> answer = (i % 2 == 0 ? own : shared).Ask(i % 3 == 0 ? Image.Load(small.Picture) : _picture, questions[i % 4], _short);
            own.Dispose(); // under the question
            return await answer;
        }))];

        Answer[] answers = await Task.WhenAll(asked);
        Assert.All(answers.Select((answer, i) => (answer, i)), own => Assert.Equal(alone[own.i % 4].Tokens, own.answer.Tokens));
        Assert.True(answers.Count(answer => answer.KeptTokens > 0) >= 26);
    }

    private static ProbeReducer Counting(List<(DecoderPhase Phase, int Rows)> ran) => new(
        "counting",
        sites => sites.BeforeLayer(0, DecoderPhase.Prefill | DecoderPhase.Append, (context, _) =>
        {
            ran.Add((context.Phase, context.Layout(0).Count));
            return null;
        }),
        keepsPrefixes: true);

    // Copies the rows that leave the last layer.
    private sealed class Trailing : ITokenReducer
    {
        public string Name => "trailing";

        public bool KeepsPrefixes => true;

        public List<float> Rows { get; } = [];

        // The last row of each prompt: those of decoded tokens, and of pieces in front, are none.
        public List<float[]> Last { get; } = [];

        public void Declare(IReducerSites sites) => sites.AfterLayer(
            sites.Decoder.Layers - 1, DecoderPhase.Prefill | DecoderPhase.Append | DecoderPhase.Decode, needsAttention: false, (context, rows, _) =>
            {
                using Tensor wide = rows.to(ScalarType.Float32, copy: true);
                float[] values = wide.data<float>().ToArray();
                Rows.AddRange(values);
                if (context.Layout(0).KindOf(context.Layout(0).Count - 1) == SpanKind.Text)
                {
                    Last.Add(values[^sites.Decoder.HiddenSize..]);
                }

                return null;
            });

        public void Dispose()
        {
        }
    }
}
