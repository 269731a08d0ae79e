using Aperture.Hub;
using Aperture.Pipelines;

namespace Aperture.Host.Tests.Hub;

public class HubErrorTests
{
    private static readonly HubRepo _repo = HubRepo.Parse("org/model");

    [Theory]
    [InlineData(
        401, null, HubFailure.RepositoryNotFound,
        "org/model does not exist on 127.0.0.1, or it is private: set HF_TOKEN to a token that may read it (401).")]
    [InlineData(
        401, "GatedRepo", HubFailure.AccessDenied,
        "org/model is gated: accept its terms at ENDPOINT/org/model and set HF_TOKEN to a token of that account.")]
    [InlineData(403, null, HubFailure.AccessDenied, "127.0.0.1 refuses access to org/model: set HF_TOKEN to a token that may read it (403).")]
    [InlineData(
        404, "RepoNotFound", HubFailure.RepositoryNotFound,
        "org/model does not exist on 127.0.0.1; check the spelling, or set HF_TOKEN to a token that may read it if it is private (404).")]
    [InlineData(404, "RevisionNotFound", HubFailure.RevisionNotFound, "org/model has no revision 'main' (404).")]
    [InlineData(429, null, HubFailure.RateLimited, "127.0.0.1 limits requests from here; try again in 7 s; a token in HF_TOKEN raises the limit (429).")]
    [InlineData(503, null, HubFailure.Network, "127.0.0.1 failed for org/model (503 Test); try again later.")]
    public async Task Each_refusal_is_one_clear_line(int status, string? code, HubFailure failure, string message)
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        hub.Override = _ => FakeHub.Error(status, code) is var reply && status == 429
            ? reply with { Headers = new() { ["Retry-After"] = "7" } }
            : reply;
        using HubClient client = new(hub.Settings with { Token = null });
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(failure, error.Failure);
        Assert.Equal(message.Replace("ENDPOINT", hub.Server.Address), error.Message);
    }

    [Fact]
    public async Task A_proxy_that_drops_the_headers_is_named()
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        hub.Override = r => r.Method == "HEAD" ? new LoopbackServer.Reply(200, []) : null;
        using HubClient client = new(hub.Settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadFileAsync(_repo, "config.json"));
        Assert.Equal(HubFailure.BadAnswer, error.Failure);
        Assert.Contains("a proxy in between", error.Message);
    }

    [Fact]
    public async Task No_connection_names_the_host_and_keeps_to_one_line()
    {
        using FakeHub hub = new();
        HubSettings settings = hub.Settings;
        hub.Server.Dispose();
        using HubClient client = new(settings);
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal(HubFailure.Network, error.Failure);
        Assert.StartsWith("127.0.0.1 cannot be reached (", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task No_answer_in_time_is_a_network_failure()
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}");
        hub.Override = r =>
        {
            Thread.Sleep(1500);
            return null;
        };
        using HubClient client = new(hub.Settings with { EtagTimeout = TimeSpan.FromMilliseconds(200) });
        HubException error = await Assert.ThrowsAsync<HubException>(() => client.DownloadAsync(_repo, []));
        Assert.Equal("127.0.0.1 cannot be reached (no answer in 0.2 s); check the connection, or HF_ENDPOINT if you use a mirror.", error.Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/b/c")]
    [InlineData("../x")]
    [InlineData("a--b/c")]
    [InlineData("org/model?x")]
    public void What_is_no_id_is_refused(string text) => Assert.Throws<ApertureException>(() => HubRepo.Parse(text));
}
