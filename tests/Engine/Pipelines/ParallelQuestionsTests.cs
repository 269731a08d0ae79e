using System.Collections.Concurrent;
using Aperture.Generation;
using Aperture.Hub;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Tests;
using Xunit.Abstractions;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>
/// Many questions at a time, with everything that may happen to a session meanwhile: each answer is the one that the question has alone, or there is an error
/// that is documented.
/// </summary>
[Collection(WholeProcess.Name)]
public sealed class ParallelQuestionsTests(ITestOutputHelper output)
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(120);
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 2 };
    private static readonly string[] _questions =
    [
        "What is in the top left?", "How many boots are there?", "Is there a red bag?", "What is left of the green dress?",
    ];
    private readonly Image _shelf = Image.Load(Repository.Path("scripts", "shelf.png"));

    [Fact]
    [Trait("Category", "Process")] // Starts none, but keeps this one busy for long.
    public async Task Five_hundred_questions_over_fresh_pipelines_are_answered_as_each_alone()
    {
        await using EngineSession session = Open();
        Pipeline plain = session.Load("tiny-llava");
        Dictionary<(int Pipeline, int Question), Known> alone = Alone(plain);

        // Four threads meet before each of 125 pipelines that nobody has built, and ask it at once.
        Pipeline[] fresh = [.. Enumerable.Range(0, 125).Select(round => Pipelines(plain)[1 + (round % 3)])];
        bool[] right = await AtOnce(
            4, fresh.Length, (thread, round)
                => Known.Of(fresh[round].AskNow(_shelf, _questions[thread], _short, null, CancellationToken.None)) == alone[(1 + (round % 3), thread)]);

        Assert.Equal(500, right.Count(r => r));
    }

    [Fact]
    [Trait("Category", "Process")] // Starts none, but keeps this one busy for long.
    public async Task A_thousand_questions_beside_reloads_cancellations_and_disposals_are_right_or_end_in_a_documented_error()
    {
        long before = LiveTensors.Settled();
        Outcomes outcomes = new();
        await AskUnderLoad(outcomes);
        long after = LiveTensors.Settled();

        output.WriteLine(outcomes.ToString());
        Assert.Equal(0, outcomes.Wrong);
        Assert.Empty(outcomes.Undocumented);
        Assert.Equal(1000, outcomes.Right + outcomes.Cancelled + outcomes.Refused);
        Assert.True(outcomes.Right > 500, outcomes.ToString());
        Assert.True(outcomes.Cancelled > 0 && outcomes.Reloads > 0, outcomes.ToString());
        Assert.Equal(before, after);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_session_disposed_under_its_questions_ends_them_first(int seed)
    {
        long before = LiveTensors.Settled();
        ConcurrentBag<string> notices = [];
        EngineSession session = Open(notices.Add);
        Pipeline pruned = session.Load("tiny-llava").With("fitprune", new { Reduction = 0.6 });
        await pruned.Ask(_shelf, _questions[0], _short);
        Task[] asking = [.. Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            while (true)
            {
                pruned.AskNow(_shelf, _questions[1], _short, null, CancellationToken.None);
            }
        }))];
        await Task.Delay(new Random(seed).Next(60)); // Somewhere in a request: which layer it is differs from run to run.

        await session.DisposeAsync().AsTask().WaitAsync(_limit);

        foreach (Task task in asking)
        {
            Exception end = await Assert.ThrowsAnyAsync<Exception>(() => task.WaitAsync(_limit));
            Assert.True(end is OperationCanceledException or ApertureException, end.ToString());
        }

        Assert.Empty(notices);
        Assert.Equal(before, LiveTensors.Settled());
    }

    [Fact]
    public async Task A_pipeline_disposed_under_its_question_keeps_its_methods_until_the_answer()
    {
        await using EngineSession session = Open();
        Pipeline pruned = session.Load("tiny-llava").With("fitprune", new { Reduction = 0.6 });
        Known alone = Known.Of(await pruned.Ask(_shelf, _questions[1], _short));
        bool isDisposed = false;

        Answer answer = pruned.AskNow(
            _shelf,
            _questions[1],
            _short,
            _ =>
            {
                pruned.Dispose();
                isDisposed = true;
                Assert.Equal(1, session.Plugins.Plugins.Single(p => p.Entry.Id == "fitprune").Leases);
            },
            CancellationToken.None);

        Assert.True(isDisposed);
        Assert.Equal(alone, Known.Of(answer));
        Assert.Equal(0, session.Plugins.Plugins.Single(p => p.Entry.Id == "fitprune").Leases);
    }

    [Fact]
    public async Task A_model_opened_by_many_at_once_is_opened_once()
    {
        await using EngineSession session = Open();

        Pipeline[] opened = await AtOnce(8, 1, (_, _) => session.Load("tiny-llava"));

        Assert.Single(session.Models);
        Assert.All(opened, pipeline => Assert.Same(opened[0].Model, pipeline.Model));
    }

    private async Task AskUnderLoad(Outcomes outcomes)
    {
        EngineSession session = Open(_ => { });
        Pipeline plain = session.Load("tiny-llava");
        Pipeline[] pipelines = Pipelines(plain);
        Dictionary<(int Pipeline, int Question), Known> alone = Alone(plain);
        Task[] askers = [.. Enumerable.Range(0, 10).Select(asker => Task.Run(async () =>
        {
            Random random = new(asker);
            for (int batch = 0; batch < 10; batch++)
            {
                await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => One(random.Next(4), random.Next(4), random.Next(8) == 0 ? random.Next(100) : null)));
                if (random.Next(3) == 0)
                {
                    pipelines[random.Next(4)].Dispose();
                }
            }
        }))];
        using CancellationTokenSource answered = new();
        Task reloading = Task.Run(async () =>
        {
            Random random = new(100);
            while (!answered.IsCancellationRequested)
            {
                PluginReload reload = await session.ReloadAsync(random.Next(2) == 0 ? "fitprune" : "dyvte");
                outcomes.Count(reload.Reloaded);
                await Task.Delay(random.Next(400));
            }
        });
        while (outcomes.Ended < 900)
        {
            await Task.Delay(10);
        }

        await answered.CancelAsync();
        await reloading.WaitAsync(_limit);
        await session.DisposeAsync();
        await Task.WhenAll(askers).WaitAsync(_limit);
        await Assert.ThrowsAsync<ApertureException>(() => pipelines[1].Ask(_shelf, _questions[0], _short));

        async Task One(int pipeline, int question, int? cancelAfter)
        {
            using CancellationTokenSource cancel = cancelAfter is { } delay ? new CancellationTokenSource(delay) : new CancellationTokenSource();
            try
            {
                outcomes.Add(Known.Of(await pipelines[pipeline].Ask(_shelf, _questions[question], _short, cancel.Token)) == alone[(pipeline, question)]);
            }
            catch (Exception error)
            {
                outcomes.Add(error);
            }
        }
    }

    // What each of some threads gives in each round; a round begins when all have come.
    private static async Task<T[]> AtOnce<T>(int threads, int rounds, Func<int, int, T> act)
    {
        using Barrier meeting = new(threads);
        Task<T[]>[] all = [.. Enumerable.Range(0, threads).Select(thread => Task.Factory.StartNew(
            () => Enumerable.Range(0, rounds).Select(round =>
            {
                meeting.SignalAndWait(_limit);
                return act(thread, round);
            }).ToArray(),
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))];
        return [.. (await Task.WhenAll(all).WaitAsync(_limit)).SelectMany(own => own)];
    }

    private static EngineSession Open(Action<string>? onNotice = null) => EngineSessions.OpenAlone(onNotice: onNotice);

    private static Pipeline[] Pipelines(Pipeline plain) =>
    [
        plain,
        plain.With("fitprune", new { Reduction = 0.6 }),
        plain.With("dyvte", new { Threshold = 0.9 }),
        plain.With("fitprune", new { Reduction = 0.6 }).With("dyvte", new { Threshold = 0.9 }),
    ];

    private Dictionary<(int Pipeline, int Question), Known> Alone(Pipeline plain)
        => Pipelines(plain).SelectMany(
            (pipeline, p)
                => _questions.Select(
                    (question, q) => ((p, q), Known.Of(pipeline.AskNow(_shelf, question, _short, null, CancellationToken.None))))).ToDictionary();

    // What of an answer must not depend on the company.
    private sealed record Known(string Text, string Tokens, string VisualTokens, long Flops, long CacheBytes)
    {
        public static Known Of(Answer answer)
            => new(answer.Text, string.Join(' ', answer.Tokens), string.Join(' ', answer.VisualTokensByLayer), answer.Flops.Total, answer.CacheBytes);
    }

    private sealed class Outcomes
    {
        private int _right, _wrong, _cancelled, _refused, _reloads, _kept;

        public int Right => _right;

        public int Wrong => _wrong;

        public int Cancelled => _cancelled;

        public int Refused => _refused;

        public int Reloads => _reloads;

        public int Ended => _right + _wrong + _cancelled + _refused + Undocumented.Count;

        public ConcurrentBag<Exception> Undocumented { get; } = [];

        public void Add(bool isRight) => Interlocked.Increment(ref isRight ? ref _right : ref _wrong);

        public void Add(Exception error)
        {
            if (error is OperationCanceledException)
            {
                Interlocked.Increment(ref _cancelled);
            }
            else if (error is ApertureException && error.Message.Contains("its session is closed", StringComparison.Ordinal))
            {
                Interlocked.Increment(ref _refused);
            }
            else
            {
                Undocumented.Add(error);
            }
        }

        public void Count(bool isReloaded) => Interlocked.Increment(ref isReloaded ? ref _reloads : ref _kept);

        public override string ToString()
            => $"{_right} right, {_wrong} wrong, {_cancelled} cancelled, {_refused} refused because the session was closed, {Undocumented.Count} other; "
                + $"{_reloads} reloads, {_kept} of them kept the old version";
    }
}
