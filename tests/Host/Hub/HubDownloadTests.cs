using System.IO.Compression;
using Aperture.Hub;
using Aperture.Pipelines;

namespace Aperture.Host.Tests.Hub;

public class HubDownloadTests
{
    private static readonly HubRepo _repo = HubRepo.Parse("org/model");

    [Fact]
    public async Task A_download_leaves_the_layout_of_the_hubs_own_tools()
    {
        byte[] weights = FakeHub.Bytes(300_000);
        using FakeHub hub = new FakeHub().Add("config.json", "{}").Add("sub/dir/weights.bin", weights, isLfs: true);
        using HubClient client = new(hub.Settings);
        HubSnapshot snapshot = await client.DownloadAsync(_repo, []);

        Assert.Equal(Path.Combine(hub.RepoFolder, "snapshots", FakeHub.Commit), snapshot.Folder);
        Assert.Equal(FakeHub.Commit, File.ReadAllText(Path.Combine(hub.RepoFolder, "refs", "main")));
        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(hub.RepoFolder, "blobs", FakeHub.Sha256(weights))));
        Assert.Equal($"../../../../blobs/{FakeHub.Sha256(weights)}", new FileInfo(Path.Combine(snapshot.Folder, "sub/dir/weights.bin")).LinkTarget);
        Assert.Equal($"../../blobs/{FakeHub.GitHash("{}"u8.ToArray())}", new FileInfo(Path.Combine(snapshot.Folder, "config.json")).LinkTarget);
        Assert.StartsWith("Signature: 8a477f597d28d172789f06886806bc55", File.ReadAllText(Path.Combine(hub.Folder, "hub", "CACHEDIR.TAG")));
        Assert.Contains(FakeHub.Sha256(weights), File.ReadAllText(Path.Combine(hub.RepoFolder, "trees", FakeHub.Commit + ".json")));
        Assert.True(File.Exists(Path.Combine(hub.Folder, "hub", ".locks", "models--org--model", FakeHub.Sha256(weights) + ".lock")));
        Assert.Equal(2, Directory.GetFiles(Path.Combine(hub.RepoFolder, "blobs")).Length);
    }

    [Fact]
    public async Task Patterns_pick_files_and_an_unmatched_one_is_an_error()
    {
        using FakeHub hub = new FakeHub().Add("a.json", "1").Add("b.json", "2").Add("c.txt", "3");
        using HubClient client = new(hub.Settings);
        HubSnapshot snapshot = await client.DownloadAsync(_repo, ["*.json"]);
        Assert.Equal(["a.json", "b.json"], Directory.GetFiles(snapshot.Folder).Select(Path.GetFileName).Order());
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, ["d.json"]));
        Assert.Equal(HubFailure.FileNotFound, error.Failure);
    }

    [Fact]
    public async Task What_is_cached_is_not_downloaded_again_and_a_commit_needs_no_network()
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        using HubClient client = new(hub.Settings);
        await client.DownloadAsync(_repo, []);
        await client.DownloadAsync(_repo, []);
        Assert.Single(hub.Downloads);
        int before = hub.Server.Requests.Count;
        await client.DownloadAsync(_repo, [], FakeHub.Commit);
        Assert.Equal(before, hub.Server.Requests.Count);
    }

    [Fact]
    public async Task The_token_goes_to_the_hub_and_not_to_the_host_it_redirects_to()
    {
        byte[] weights = FakeHub.Bytes(1000);
        using LoopbackServer storage = new(r => new LoopbackServer.Reply(200, weights));
        using FakeHub hub = new FakeHub().Add("w.bin", weights, isLfs: true);
        hub.Override = r => !r.Path.Contains("/resolve/") ? null : new LoopbackServer.Reply(302, [])
        {
            Headers = new(FakeHub.Headers(weights, isLfs: true)) { ["Location"] = storage.Address + "/store?signature=1" },
        };
        using HubClient client = new(hub.Settings);
        string path = await client.DownloadFileAsync(_repo, "w.bin");
        Assert.Equal(weights, File.ReadAllBytes(path));
        Assert.All(hub.Server.Requests, r => Assert.Equal("Bearer secret", r.Header("Authorization")));
        LoopbackServer.Request moved = Assert.Single(storage.Requests);
        Assert.Null(moved.Header("Authorization"));
        Assert.Equal("/store?signature=1", moved.Path);
    }

    [Fact]
    public async Task A_relative_redirect_of_a_renamed_repository_is_followed_with_the_token()
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}", repo: "org/renamed");
        hub.Override = r => r.Path.StartsWith("/org/model/") ? new LoopbackServer.Reply(307, [])
        {
            Headers = { ["Location"] = r.Path.Replace("/org/model/", "/org/renamed/") },
        }
            : null;
        using HubClient client = new(hub.Settings);
        Assert.Equal("{}", File.ReadAllText(await client.DownloadFileAsync(_repo, "config.json")));
        Assert.All(hub.Server.Requests, r => Assert.Equal("Bearer secret", r.Header("Authorization")));
    }

    [Fact]
    public async Task An_answer_compressed_although_nobody_asked_is_decoded()
    {
        byte[] text = System.Text.Encoding.UTF8.GetBytes(new string('x', 5000));
        using FakeHub hub = new FakeHub().Add("vocab.json", text);
        hub.Override = r => r.Method != "GET" || !r.Path.Contains("/resolve/") ? null : new LoopbackServer.Reply(200, Gzip(text))
        {
            Headers = new(FakeHub.Headers(text, isLfs: false)) { ["Content-Encoding"] = "gzip" },
        };
        using HubClient client = new(hub.Settings);
        Assert.Equal(text, File.ReadAllBytes(await client.DownloadFileAsync(_repo, "vocab.json")));
        Assert.All(hub.Server.Requests, r => Assert.Equal("identity", r.Header("Accept-Encoding")));
    }

    [Fact]
    public async Task A_file_the_revision_lacks_is_remembered()
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadFileAsync(_repo, "merges.txt"));
        Assert.Equal("org/model has no file 'merges.txt' at revision 'main' (404).", error.Message);
        Assert.Equal(0, new FileInfo(Path.Combine(hub.RepoFolder, ".no_exist", FakeHub.Commit, "merges.txt")).Length);
        int before = hub.Server.Requests.Count;
        await Assert.ThrowsAsync<HubException>(() => client.DownloadFileAsync(_repo, "merges.txt", FakeHub.Commit));
        Assert.Equal(before, hub.Server.Requests.Count);
    }

    [Fact]
    public async Task Without_symbolic_links_the_files_lie_in_the_snapshot()
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        using HubClient client = new(hub.Settings with { UseSymlinks = false });
        HubSnapshot snapshot = await client.DownloadAsync(_repo, []);
        Assert.Null(new FileInfo(Path.Combine(snapshot.Folder, "config.json")).LinkTarget);
        Assert.Empty(Directory.GetFiles(Path.Combine(hub.RepoFolder, "blobs")));
    }

    [Theory]
    [InlineData("../evil")]
    [InlineData("/etc/evil")]
    [InlineData("a/../../../evil")]
    public async Task A_listing_that_names_a_path_outside_the_snapshot_is_refused(string path)
    {
        using FakeHub hub = new FakeHub().Add(path, "x");
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.BadAnswer, error.Failure);
        Assert.Empty(Directory.GetFiles(hub.Folder, "evil", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task Progress_ends_with_every_file_done_at_its_size()
    {
        using FakeHub hub = new FakeHub().Add("a.bin", FakeHub.Bytes(100_000), isLfs: true).Add("b.json", "{}");
        using HubClient client = new(hub.Settings);
        ProgressLog reports = new();
        await client.DownloadAsync(_repo, [], progress: reports);
        Assert.Equal(
            [("a.bin", 100_000L), ("b.json", 2L)],
            reports.Items.Where(r => r.IsDone).Select(r => (r.File, r.Bytes)).Order());
    }

    private static byte[] Gzip(byte[] content)
    {
        MemoryStream buffer = new();
        using (GZipStream gzip = new GZipStream(buffer, CompressionLevel.Optimal))
        {
            gzip.Write(content);
        }

        return buffer.ToArray();
    }
}
