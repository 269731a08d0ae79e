using Aperture.Hub;
using Aperture.Pipelines;

namespace Aperture.Host.Tests.Hub;

public class HubOfflineTests
{
    private static readonly HubRepo _repo = HubRepo.Parse("org/model");

    [Fact]
    public async Task Offline_serves_the_cache_and_sends_nothing()
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        using HubClient online = new(hub.Settings);
        HubSnapshot first = await online.DownloadAsync(_repo, []);
        int before = hub.Server.Requests.Count;
        using HubClient offline = new(hub.Settings with { Offline = true });
        Assert.Equal(first.Folder, (await offline.DownloadAsync(_repo, [])).Folder);
        Assert.EndsWith("config.json", await offline.DownloadFileAsync(_repo, "config.json"));
        Assert.Equal(before, hub.Server.Requests.Count);
    }

    [Fact]
    public async Task Offline_without_a_cached_copy_says_how_to_get_one()
    {
        using FakeHub hub = new();
        using HubClient client = new(hub.Settings with { Offline = true });
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.Offline, error.Failure);
        Assert.EndsWith("run: aperture pull org/model", error.Message);
    }

    [Fact]
    public async Task A_snapshot_that_lacks_files_is_an_error_offline_and_not_a_partial_folder()
    {
        using FakeHub hub = new FakeHub().Add("a.json", "1").Add("b.json", "2");
        using HubClient online = new(hub.Settings);
        await online.DownloadAsync(_repo, ["a.json"]);
        using HubClient offline = new(hub.Settings with { Offline = true });
        await offline.DownloadAsync(_repo, ["a.json"]);
        HubException error = await Assert.ThrowsAsync<HubException>(() => offline.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.Incomplete, error.Failure);
        Assert.Contains("b.json", error.Message);
    }

    [Fact]
    public async Task A_link_whose_blob_was_deleted_does_not_count_as_cached()
    {
        using FakeHub hub = new FakeHub().Add("a.json", "1");
        using HubClient online = new(hub.Settings);
        await online.DownloadAsync(_repo, []);
        File.Delete(Assert.Single(Directory.GetFiles(Path.Combine(hub.RepoFolder, "blobs"))));
        using HubClient offline = new(hub.Settings with { Offline = true });
        await Assert.ThrowsAsync<HubException>(() => offline.DownloadAsync(_repo, []));
        HubSnapshot mended = await online.DownloadAsync(_repo, []);
        Assert.Equal("1", File.ReadAllText(Path.Combine(mended.Folder, "a.json")));
    }

    [Theory]
    [InlineData(503)]
    [InlineData(429)]
    [InlineData(401)]
    public async Task A_failing_hub_falls_back_to_the_cache_with_a_warning(int status)
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        using HubClient client = new(hub.Settings);
        HubSnapshot first = await client.DownloadAsync(_repo, []);
        hub.Override = _ => FakeHub.Error(status);
        HubSnapshot second = await client.DownloadAsync(_repo, []);
        Assert.Equal(first.Folder, second.Folder);
        Assert.StartsWith("Using the cached copy of org/model: ", second.Warning);
        Assert.EndsWith("config.json", await client.DownloadFileAsync(_repo, "config.json"));
    }

    [Fact]
    public async Task A_revision_that_does_not_exist_is_an_error_even_with_a_cache()
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        using HubClient client = new(hub.Settings);
        await client.DownloadAsync(_repo, []);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, [], "v9"));
        Assert.Equal(HubFailure.RevisionNotFound, error.Failure);
    }
}
