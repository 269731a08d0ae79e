using System.Collections.Concurrent;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Scheduling;

namespace Aperture.Engine.Tests.Requests;

public sealed class RequestQueueTests
{
    private static readonly TimeSpan _limit = TimeSpan.FromSeconds(60);
    private readonly RequestQueue _queue = new();
    private readonly object _model = new(), _other = new();

    [Fact]
    public async Task Requests_on_one_target_run_one_by_one_in_the_order_they_came()
    {
        ConcurrentQueue<int> order = [];
        int inside = 0, most = 0;
        Task<int>[] requests = [.. Enumerable.Range(0, 200).Select(i => _queue.RunAsync(_model, _ =>
        {
            most = Math.Max(most, Interlocked.Increment(ref inside));
            order.Enqueue(i);
            Interlocked.Decrement(ref inside);
            return i;
        }))];

        await Task.WhenAll(requests).WaitAsync(_limit);

        Assert.Equal(Enumerable.Range(0, 200), order);
        Assert.Equal(1, most);
        Assert.Equal(0, _queue.Count);
    }

    [Fact]
    public async Task Requests_on_two_targets_run_side_by_side()
    {
        using Barrier both = new(2);
        bool Meet(CancellationToken token) => both.SignalAndWait(_limit, token);

        bool[] met = await Task.WhenAll(_queue.RunAsync(_model, Meet), _queue.RunAsync(_other, Meet)).WaitAsync(_limit);

        Assert.Equal([true, true], met);
    }

    [Fact]
    public async Task What_runs_alone_waits_for_running_requests_and_later_ones_wait_for_it()
    {
        ConcurrentQueue<string> order = [];
        Held running = new(), reload = new();
        Task<bool> first = _queue.RunAsync(_model, token => running.Run(order, "first", token));
        await running.Began;
        Task<bool> waiting = _queue.RunAsync(_model, _ => Note(order, "waiting"));
        Task<bool> alone = _queue.RunAloneAsync(token => Task.Run(() => reload.Run(order, "alone", token), token));
        Task<bool> later = _queue.RunAsync(_other, _ => Note(order, "later"));

        running.Release();
        await reload.Began;
        Assert.False(waiting.IsCompleted || later.IsCompleted);
        reload.Release();
        await Task.WhenAll(first, waiting, alone, later).WaitAsync(_limit);

        Assert.Equal(["first", "alone"], order.Take(2));
    }

    [Fact]
    public async Task A_cancelled_request_leaves_the_line()
    {
        Held running = new();
        Task<bool> first = _queue.RunAsync(_model, token => running.Run(null, "", token));
        await running.Began;
        using CancellationTokenSource cancel = new();
        bool ran = false;
        Task<bool> second = _queue.RunAsync(_model, _ => ran = true, cancel.Token);

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.WaitAsync(_limit));
        running.Release();
        Assert.True(await first.WaitAsync(_limit));
        Assert.False(ran);
        Assert.Equal(0, _queue.Count);
    }

    [Fact]
    public async Task Closing_cancels_what_runs_and_waits_and_refuses_what_comes()
    {
        Held running = new();
        Task<bool> first = _queue.RunAsync(_model, token => running.Run(null, "", token));
        await running.Began;
        Task<bool> second = _queue.RunAsync(_model, _ => true);
        Task<bool> elsewhere = _queue.RunAsync(_other, _ => true);

        Assert.True(await _queue.CloseAsync(_model, _limit));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => first);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => second.WaitAsync(_limit));
        Assert.True(await elsewhere);
        Assert.Contains("disposed", (await Assert.ThrowsAsync<ApertureException>(() => _queue.RunAsync(_model, _ => true))).Message, StringComparison.Ordinal);
        Assert.True(_queue.Run(_other, _ => true));
    }

    [Fact]
    public async Task Closing_tells_when_a_request_does_not_stop()
    {
        using ManualResetEventSlim end = new();
        Held running = new();
        Task<bool> deaf = _queue.RunAsync(_model, _ =>
        {
            running.Begin();
            return end.Wait(_limit, CancellationToken.None);
        });
        await running.Began;

        bool isFree = await _queue.CloseAsync(null, TimeSpan.Zero);

        Assert.False(isFree);
        end.Set();
        Assert.True(await deaf);
        Assert.True(await _queue.CloseAsync(null, _limit));
    }

    [Fact]
    public async Task A_request_inside_a_request_runs_at_once_on_its_thread_and_is_refused_on_another()
    {
        ApertureException? refused = null;
        int inner = await _queue.RunAsync(_model, token =>
        {
            refused = Assert.Throws<ApertureException>(() => _queue.RunAsync(_model, _ => 1, token).GetAwaiter().GetResult());
            return _queue.Run(_model, _ => 7, token) + _queue.Run(_other, _ => 35, token);
        }).WaitAsync(_limit);

        Assert.Equal(42, inner);
        Assert.Contains("would have to wait for", refused!.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Two_requests_that_each_ask_the_others_target_do_not_wait_for_ever()
    {
        using Barrier both = new(2);
        Task<string> Cross(object own, object other) => _queue.RunAsync(own, token =>
        {
            both.SignalAndWait(_limit, token);
            try
            {
                return _queue.Run(other, _ => "answered", token);
            }
            catch (ApertureException error)
            {
                return error.Message;
            }
        });

        string[] ends = await Task.WhenAll(Cross(_model, _other), Cross(_other, _model)).WaitAsync(_limit);

        Assert.Contains("answered", ends);
        Assert.Contains(ends, end => end.Contains("would have to wait for", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_request_inside_a_request_does_not_wait_for_what_waits_for_the_outer_one()
    {
        Held running = new();
        Task<bool> outer = _queue.RunAsync(_model, token => running.Run(null, "", token) && _queue.Run(_other, _ => true, token));
        await running.Began;
        Task<bool> alone = _queue.RunAloneAsync(_ => Task.FromResult(true));

        running.Release();

        Assert.True(await outer.WaitAsync(_limit));
        Assert.True(await alone.WaitAsync(_limit));
    }

    [Fact]
    public async Task A_thread_with_a_synchronisation_context_does_not_compute_itself()
    {
        SynchronizationContext? before = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(new SynchronizationContext());
        int computed;
        int asked = Environment.CurrentManagedThreadId;
        try
        {
            computed = _queue.Run(_model, _ => Environment.CurrentManagedThreadId);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(before);
        }

        Assert.NotEqual(asked, computed);
        await Task.CompletedTask;
    }

    private static bool Note(ConcurrentQueue<string> order, string name)
    {
        order.Enqueue(name);
        return true;
    }

    // A request that stands until the test lets it go.
    private sealed class Held
    {
        private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly TaskCompletionSource _go = new();

        public Task Began => _began.Task.WaitAsync(_limit);

        public void Begin() => _began.TrySetResult();

        public void Release() => _go.TrySetResult();

        public bool Run(ConcurrentQueue<string>? order, string name, CancellationToken token)
        {
            order?.Enqueue(name);
            Begin();
            return _go.Task.Wait((int)_limit.TotalMilliseconds, token);
        }
    }
}
