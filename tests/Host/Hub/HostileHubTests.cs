using System.IO.Compression;
using System.Text;
using Aperture.Hub;

namespace Aperture.Host.Tests.Hub;

/// <summary>A hub that answers wrongly, or somebody in its place: nothing grows without limit, nothing unverified is kept, the reason is one line.</summary>
public class HostileHubTests
{
    private const string OtherCommit = "ffffffffffffffffffffffffffffffffffffffff";
    private static readonly HubRepo _repo = HubRepo.Parse("org/model");

    [Theory]
    [InlineData("[1, 2]", "no commit or no list of files")]
    [InlineData("\"x\"", "no commit or no list of files")]
    [InlineData("null", "no commit or no list of files")]
    [InlineData("", "it is empty")]
    [InlineData("{\"sha\": \"COMMIT\", \"siblings\": [1, \"x\", null]}", "a file of its list is Number")]
    [InlineData("{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"\\ud800.json\"}]}", "half of a surrogate pair")]
    [InlineData("{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"a\\u0000b.json\"}]}", "a file 'a\uFFFDb.json'")]
    [InlineData("{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"a.json\"}, {\"rfilename\": \"a.json/b.json\"}]}", "'a.json/b.json' lies in a folder")]
    [InlineData("{\"sha\": \"COMMIT\", \"siblings\": [{\"rfilename\": \"a.json\"}, {\"rfilename\": \"a.json\"}]}", "a file stands twice")]
    [InlineData("{\"sha\": \"../../x\", \"siblings\": []}", "no commit or no list of files")]
    public async Task A_listing_that_is_none_is_told_in_one_line(string answer, string reason)
    {
        using FakeHub hub = new();
        hub.Override = r => r.Path.StartsWith("/api/") ? new LoopbackServer.Reply(200, Encoding.UTF8.GetBytes(answer.Replace("COMMIT", FakeHub.Commit))) : null;
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.BadAnswer, error.Failure);
        Assert.Contains(reason, error.Message);
        Assert.DoesNotContain(error.Message, c => char.IsControl(c));
        Assert.False(Directory.Exists(hub.RepoFolder));
    }

    [Fact]
    public async Task A_listing_that_unpacks_without_end_is_left_at_64_MiB()
    {
        using FakeHub hub = new();
        byte[] bomb = Gzip(new byte[80 << 20]);
        hub.Override = r => new LoopbackServer.Reply(200, bomb) { Headers = new() { ["Content-Encoding"] = "gzip" } };
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.BadAnswer, error.Failure);
        Assert.Contains("more than 64 MiB", error.Message);
    }

    [Fact]
    public async Task A_file_without_an_announced_size_ends_at_the_size_of_the_listing()
    {
        byte[] content = FakeHub.Bytes(1000);
        using FakeHub hub = new FakeHub().Add("config.json", content);
        hub.Override = r => r.Method switch
        {
            "HEAD" => new LoopbackServer.Reply(200, content) { Headers = new(FakeHub.Headers(content, isLfs: false)) { ["Content-Encoding"] = "gzip" } },
            "GET" when r.Path.Contains("/resolve/") => new LoopbackServer.Reply(200, FakeHub.Bytes(5_000_000)),
            _ => null,
        };
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.Damaged, error.Failure);
        Assert.Contains("longer than the 1000 bytes the hub announced", error.Message);
        Assert.True(Directory.GetFiles(hub.RepoFolder, "*.incomplete", SearchOption.AllDirectories).All(f => new FileInfo(f).Length <= 1000));
    }

    [Fact]
    public async Task A_small_file_that_is_not_what_its_git_hash_says_is_discarded()
    {
        byte[] content = Encoding.UTF8.GetBytes("{\"model_type\": \"llava\"}"), other = Encoding.UTF8.GetBytes("{\"model_type\": \"LLAVA\"}");
        using FakeHub hub = new FakeHub().Add("config.json", content);
        hub.Override = r => r.Method == "GET" && r.Path.Contains("/resolve/")
            ? new LoopbackServer.Reply(200, other) { Headers = FakeHub.Headers(content, isLfs: false) } : null;
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.Damaged, error.Failure);
        Assert.Contains("another git hash", error.Message);
        Assert.False(File.Exists(Path.Combine(hub.RepoFolder, "snapshots", FakeHub.Commit, "config.json")));
    }

    [Fact]
    public async Task An_answer_for_another_commit_is_not_followed()
    {
        byte[] content = "{}"u8.ToArray();
        using FakeHub hub = new FakeHub().Add("config.json", content);
        hub.Override = r => r.Method == "HEAD"
            ? new LoopbackServer.Reply(200, content) { Headers = new(FakeHub.Headers(content, isLfs: false)) { ["X-Repo-Commit"] = OtherCommit } } : null;
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.BadAnswer, error.Failure);
        Assert.Contains("answers for the commit ffffffffffff", error.Message);
        Assert.False(Directory.Exists(Path.Combine(hub.RepoFolder, "snapshots")));
    }

    [Fact]
    public async Task An_answer_for_other_content_than_the_listing_names_is_not_followed()
    {
        byte[] other = "{\"a\": 1}"u8.ToArray();
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        hub.Override = r => r.Path.Contains("/resolve/") ? FakeHub.File(other, isLfs: false, 0) : null;
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.BadAnswer, error.Failure);
        Assert.Contains("nothing was written", error.Message);
    }

    [Fact]
    public async Task A_cache_that_cannot_be_written_is_named()
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        string file = Path.Combine(hub.Folder, "file");
        File.WriteAllText(file, "");
        using HubClient client = new(hub.Settings with { CacheFolder = Path.Combine(file, "hub") });
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.Disk, error.Failure);
        Assert.Contains(file, error.Message);
    }

    private static byte[] Gzip(byte[] content)
    {
        using MemoryStream buffer = new();
        using (GZipStream gzip = new(buffer, CompressionLevel.Fastest))
        {
            gzip.Write(content);
        }

        return buffer.ToArray();
    }
}
