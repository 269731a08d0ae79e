using Aperture.Host.Tests.Hub;
using Aperture.Requests;

namespace Aperture.Host.Tests.Cli;

[Trait("Category", "Process")]
public class PullCommandTests
{
    [Fact]
    public async Task Two_processes_at_once_fetch_a_model_once_and_both_print_its_folder()
    {
        byte[] weights = FakeHub.Bytes(3_000_000);
        using FakeHub hub = new FakeHub().Add("config.json", "{}").Add("model.safetensors", weights, isLfs: true).Add("README.md", "no");
        using CommandFolder f = Folder(hub);
        using ApertureProcess first = f.Start("pull", "org/model");
        using ApertureProcess second = f.Start("pull", "org/model@main");
        string snapshot = Path.Combine(f.Folder, "hub", "models--org--model", "snapshots", FakeHub.Commit);
        foreach ((int code, string output, string error) in new[] { await first.EndAsync(), await second.EndAsync() })
        {
            Assert.Equal((0, snapshot + "\n"), (code, output));
            Assert.Contains("org/model/model.safetensors: 3.0 MB\n", error);
            Assert.DoesNotContain('\u001b', error);
        }

        Assert.Equal(weights, File.ReadAllBytes(Path.Combine(snapshot, "model.safetensors")));
        Assert.Single(hub.Downloads, r => r.Path.EndsWith("model.safetensors"));
        Assert.DoesNotContain(hub.Downloads, r => r.Path.EndsWith("README.md"));
    }

    [Fact]
    public async Task Chosen_files_of_a_data_set_are_fetched()
    {
        using FakeHub hub = new FakeHub().Add("data/a.txt", "a", repo: "org/set").Add("data/b.json", "b", repo: "org/set");
        hub.Override = r => r.Path.StartsWith("/datasets/") ? hub.Answer(r with { Path = r.Path["/datasets".Length..] }) : null;
        using CommandFolder f = Folder(hub);
        (int code, string output, _) = await f.Run("pull", "datasets/org/set", "--files", "*.txt");
        Assert.Equal((0, Path.Combine(f.Folder, "hub", "datasets--org--set", "snapshots", FakeHub.Commit) + "\n"), (code, output));
        Assert.Equal(["a.txt"], Directory.GetFiles(Path.Combine(output.Trim(), "data")).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_failure_is_one_line_and_exit_code_1()
    {
        using FakeHub hub = new FakeHub().Add("config.json", "{}", repo: "org/other");
        using CommandFolder f = Folder(hub);
        (int code, string output, string error) = await f.Run("pull", "org/model");
        Assert.Equal((1, ""), (code, output));
        Assert.Equal(
            "error: org/model does not exist on 127.0.0.1; check the spelling, or set HF_TOKEN to a token that may read it if it is private (404).\n", error);
        Assert.Equal("error: 'a/b/c' is not a hub id; ids look like organisation/name.\n", (await f.Run("pull", "a/b/c")).Error);
    }

    private static CommandFolder Folder(FakeHub hub)
    {
        CommandFolder folder = new();
        folder.Environment["HF_ENDPOINT"] = hub.Server.Address;
        folder.Environment["HF_HUB_CACHE"] = Path.Combine(folder.Folder, "hub");
        folder.Environment["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1";
        return folder;
    }
}
