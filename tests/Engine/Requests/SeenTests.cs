using Aperture.Data;
using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Engine.Tests.Pipelines;
using Aperture.Evaluation;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Vision;

namespace Aperture.Engine.Tests.Requests;

/// <summary>Pictures that are seen once, for many questions.</summary>
[Collection(WholeProcess.Name)]
public sealed class SeenTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 4 };
    private readonly Image _picture = Image.Load(small.Picture);
    private readonly Image _other = Image.Filled(30, 30, 200, 40, 90);

    [Fact]
    public async Task Asking_about_what_was_seen_answers_bit_for_bit_as_asking_with_the_pictures()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder).With("half", (VisualTokens tokens) => tokens.Keep([.. Enumerable.Range(0, 8)]));
        using Seen seen = await plain.See([_picture, _other]);
        LastRows direct = new(), kept = new();

        Answer asked = await plain.With(direct).Ask([_picture, _other], "abc?", _short);
        Answer again = await plain.With(kept).Ask(seen, "abc?", _short);

        Assert.Equal(direct.Rows, kept.Rows);
        Assert.Equal(asked.Tokens, again.Tokens);
        Assert.Equal(asked.Flops, again.Flops);
        Assert.Equal(asked.VisualTokensByLayer, again.VisualTokensByLayer);
        Assert.Equal(asked.TokenMaps.SelectMany(map => map.Kept), again.TokenMaps.SelectMany(map => map.Kept));
        Assert.Equal(0, again.Times.Vision);
        Assert.True(seen.Milliseconds > 0);
        Assert.Equal([16, 16], seen.Segments.Select(segments => segments.Sum(segment => segment.Rows)));
    }

    [Fact]
    public async Task Many_questions_on_one_handle_encode_once_and_see_what_methods_left_in_it()
    {
        await using EngineSession session = small.Open();
        using EverySite method = new();
        Pipeline hooked = session.Load(small.Folder).With(method);
        using Seen seen = await hooked.See(_picture);

        Answer[] answers = [await hooked.Ask(seen, "abc?", _short), await hooked.Ask(seen, "ab?", _short), await hooked.Ask(seen, "abc?", _short)];

        Assert.Equal(1, method.Calls("Vision.AfterEmbedding"));
        Assert.Equal(3, method.Entered.Count); // each found the tensor that was shared inside the encoder
        Assert.Equal(answers[0].Tokens, answers[2].Tokens);
        Assert.All(answers, answer => Assert.Equal(2 * EverySite.Macs, answer.Flops.Method));
        Assert.Equal((await hooked.Ask(_picture, "abc?", _short)).Flops, answers[0].Flops);
    }

    [Fact]
    public async Task An_evaluation_sees_each_picture_once()
    {
        await using EngineSession session = small.Open();
        using EverySite method = new();
        QuestionItem[] items = [.. new[] { "abc?", "ab?", "a?" }.Select((question, i) => new QuestionItem($"{i}", small.Picture, question, "x", ""))];

        EvaluationReport report = Evaluator.Run(session.Load(small.Folder).With(method), items, new EvaluationOptions { MaxNewTokens = 2 });

        Assert.Equal(3, report.Results.Count);
        Assert.Equal(1, method.Calls("Vision.AfterEmbedding"));
        Assert.Equal(1 + 3, method.Calls("BeforeProjector")); // once to warm up
    }

    [Fact]
    public async Task One_handle_serves_pipelines_that_act_behind_the_encoder()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        using Seen seen = await plain.See(_picture);

        Answer pruned = await plain.With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } }).Ask(seen, "abc?", _short);

        Assert.Equal([10, 10, 5, 5], pruned.VisualTokensByLayer);
    }

    [Fact]
    public async Task A_handle_that_does_not_fit_is_refused_in_one_line()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder), cast = session.Load(small.Folder, new ModelOptions { Type = "bfloat16", Threads = 1 });
        Pipeline hooked = plain.With(Watching("first")), otherwise = plain.With(Watching("second"));
        using Seen seen = await plain.See(_picture), within = await hooked.See(_picture);
        Seen gone = await plain.See(_picture);
        gone.Dispose();

        await Refused(cast.Ask(seen, "abc?", _short), "let its own pipeline see them");
        await Refused(hooked.Ask(seen, "abc?", _short), "other methods before or inside the vision encoder");
        await Refused(plain.Ask(within, "abc?", _short), "other methods before or inside the vision encoder");
        await Refused(otherwise.Ask(within, "abc?", _short), "other methods before or inside the vision encoder");
        await Refused(plain.Ask(gone, "abc?", _short), "disposed");
        Assert.NotEmpty((await hooked.Ask(within, "abc?", _short)).Tokens);
    }

    [Fact]
    public async Task Every_tensor_is_given_back_when_the_handle_is_and_not_before_the_question_ends()
    {
        await using EngineSession session = small.Open();
        using EverySite method = new();
        Pipeline hooked = session.Load(small.Folder).With(method);
        Answer expected = await hooked.Ask(_picture, "abc?", _short);
        long before = LiveTensors.Settled();

        Seen seen = await hooked.See([_picture]);
        Assert.True(LiveTensors.Settled() > before);
        Pipeline disposing = hooked.With("disposing", (VisionFeatures features) =>
        {
            seen.Dispose();
            return features;
        });
        Answer answer = await disposing.Ask(seen, "abc?", _short);

        Assert.Equal(expected.Tokens, answer.Tokens);
        await Refused(disposing.Ask(seen, "abc?", _short), "disposed");
        Assert.Equal(before, LiveTensors.Settled());
    }

    private static ProbeRouter Watching(string name) => new(name, sites => sites.Vision(new VisionTrunkHooks { AfterBlock = (_, _) => null }));

    private static async Task Refused(Task<Answer> asking, string says)
    {
        string message = (await Assert.ThrowsAsync<ApertureException>(() => asking)).Message;
        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }
}
