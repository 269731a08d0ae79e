using Aperture.Hub;

namespace Aperture.Host.Tests.Hub;

public class HubResumeTests
{
    private static readonly HubRepo _repo = HubRepo.Parse("org/model");
    private static readonly byte[] _weights = FakeHub.Bytes(400_000);

    private static FakeHub NewHub() => new FakeHub().Add("w.bin", _weights, isLfs: true);

    private static bool IsDownload(LoopbackServer.Request request) => request.Method == "GET" && request.Path.Contains("/resolve/");

    [Fact]
    public async Task A_broken_stream_goes_on_from_where_it_broke()
    {
        using FakeHub hub = NewHub();
        hub.Override = r => IsDownload(r) && r.From == 0 ? FakeHub.File(_weights, true, 0) with { BreakAfter = 150_000 } : null;
        using HubClient client = new(hub.Settings);
        Assert.Equal(_weights, File.ReadAllBytes(await client.DownloadFileAsync(_repo, "w.bin")));
        Assert.Equal([0, 150_000], hub.Downloads.Select(r => r.From));
    }

    [Fact]
    public async Task A_server_that_answers_a_range_with_the_whole_file_makes_it_start_over()
    {
        using FakeHub hub = NewHub();
        hub.Override = r => IsDownload(r) ? FakeHub.File(_weights, true, 0) with { BreakAfter = r.From == 0 ? 150_000 : null } : null;
        using HubClient client = new(hub.Settings);
        Assert.Equal(_weights, File.ReadAllBytes(await client.DownloadFileAsync(_repo, "w.bin")));
        Assert.Equal([0, 150_000], hub.Downloads.Select(r => r.From));
    }

    [Fact]
    public async Task A_later_run_goes_on_with_what_a_cancelled_one_left()
    {
        using FakeHub hub = NewHub();
        using CancellationTokenSource stop = new();
        hub.Override = r => IsDownload(r) && r.From == 0 ? FakeHub.File(_weights, true, 0) with { BreakAfter = 150_000, Hangs = true } : null;
        using HubClient client = new(hub.Settings);
        StopAt progress = new(150_000, stop);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => client.DownloadFileAsync(_repo, "w.bin", progress: progress, cancellationToken: stop.Token));
        Assert.Equal(_weights, File.ReadAllBytes(await client.DownloadFileAsync(_repo, "w.bin")));
        Assert.Equal([0, 150_000], hub.Downloads.Select(r => r.From));
    }

    [Fact]
    public async Task What_an_earlier_run_left_is_thrown_away_when_it_is_not_the_beginning_of_the_file()
    {
        using FakeHub hub = NewHub();
        Directory.CreateDirectory(Path.Combine(hub.RepoFolder, "blobs"));
        File.WriteAllBytes(Path.Combine(hub.RepoFolder, "blobs", FakeHub.Sha256(_weights) + ".aperture.incomplete"), FakeHub.Bytes(1000, seed: 9));
        using HubClient client = new(hub.Settings);
        Assert.Equal(_weights, File.ReadAllBytes(await client.DownloadFileAsync(_repo, "w.bin")));
        Assert.Equal([1000, 0], hub.Downloads.Select(r => r.From));
    }

    [Fact]
    public async Task A_stream_that_stands_still_is_given_up_and_tried_again()
    {
        using FakeHub hub = NewHub();
        hub.Override = r => IsDownload(r) && r.From == 0 ? FakeHub.File(_weights, true, 0) with { BreakAfter = 1000, Hangs = true } : null;
        using HubClient client = new(hub.Settings with { DownloadTimeout = TimeSpan.FromMilliseconds(300) });
        Assert.Equal(_weights, File.ReadAllBytes(await client.DownloadFileAsync(_repo, "w.bin")));
    }

    [Fact]
    public async Task A_stream_that_always_breaks_at_the_same_place_ends_after_five_tries()
    {
        using FakeHub hub = NewHub();
        hub.Override = r => IsDownload(r) ? FakeHub.File(_weights, true, r.From) with { BreakAfter = r.From == 0 ? 1000 : 0 } : null;
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadFileAsync(_repo, "w.bin"));
        Assert.Equal(HubFailure.Network, error.Failure);
        Assert.Equal(6, hub.Downloads.Count());
        Assert.Equal(1000, new FileInfo(Assert.Single(Directory.GetFiles(Path.Combine(hub.RepoFolder, "blobs")))).Length);
    }

    [Fact]
    public async Task Bytes_with_another_hash_never_become_a_blob()
    {
        using FakeHub hub = NewHub();
        hub.Override = r => IsDownload(r) ? FakeHub.File(FakeHub.Bytes(_weights.Length, seed: 2), true, 0) : null;
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadFileAsync(_repo, "w.bin"));
        Assert.Equal(HubFailure.Damaged, error.Failure);
        Assert.False(File.Exists(Path.Combine(hub.RepoFolder, "blobs", FakeHub.Sha256(_weights))));
    }

    [Fact]
    public async Task More_bytes_than_announced_are_refused()
    {
        byte[] text = FakeHub.Bytes(500);
        using FakeHub hub = new FakeHub().Add("a.json", text);
        hub.Override = r => IsDownload(r) ? FakeHub.File([.. text, 1], false, 0) : null;
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadFileAsync(_repo, "a.json"));
        Assert.Equal(HubFailure.Damaged, error.Failure);
    }

    [Fact]
    public async Task Two_clients_at_once_download_once()
    {
        using FakeHub hub = NewHub();
        using HubClient first = new(hub.Settings);
        using HubClient second = new(hub.Settings);
        string[] paths = await Task.WhenAll(first.DownloadFileAsync(_repo, "w.bin"), second.DownloadFileAsync(_repo, "w.bin"));
        Assert.All(paths, p => Assert.Equal(_weights, File.ReadAllBytes(p)));
        Assert.Single(hub.Downloads);
    }

    private sealed class StopAt(long bytes, CancellationTokenSource stop) : IProgress<HubProgress>
    {
        public void Report(HubProgress value)
        {
            if (value.Bytes >= bytes)
            {
                stop.Cancel();
            }
        }
    }
}
