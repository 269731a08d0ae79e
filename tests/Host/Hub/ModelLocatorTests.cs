using Aperture.Hub;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Hub;

public sealed class ModelLocatorTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-models-").FullName;
    private readonly ModelLocator _locator;

    public ModelLocatorTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "shipped", "tiny"));
        File.WriteAllText(Path.Combine(_folder, "shipped", "tiny", "config.json"), "{}");
        _locator = new ModelLocator(new HubCache(new HubSettings { CacheFolder = Path.Combine(_folder, "hub") }), [Path.Combine(_folder, "shipped")]);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_folder_and_a_shipped_name_are_found()
    {
        string tiny = Path.Combine(_folder, "shipped", "tiny");
        Assert.Equal(tiny, _locator.Resolve("tiny"));
        Assert.Equal(tiny, _locator.Resolve(tiny));
        Assert.Equal(["tiny"], _locator.ShippedModels);
    }

    [Fact]
    public void An_id_that_is_not_here_says_how_to_fetch_it_and_what_there_is()
    {
        ApertureException error = Assert.Throws<ApertureException>(() => _locator.Resolve("org/model"));
        Assert.Equal(
            "There is no model 'org/model' on this machine; fetch it with: aperture pull org/model. Models that come with the application: tiny.",
            error.Message);
    }

    // What a folder holds is for the model families of the plugins to say: every one that exists is given to them.
    [Fact]
    public async Task A_folder_without_a_model_and_a_text_that_is_no_id_are_told_apart()
    {
        string empty = Directory.CreateDirectory(Path.Combine(_folder, "empty")).FullName;
        await using EngineSession session = new(
            new PluginHost(PluginCatalog.Read()), new HubCache(new HubSettings { CacheFolder = Path.Combine(_folder, "hub") }), new ModelOptions());

        string nothing = Assert.Throws<ApertureException>(() => session.Load(empty)).Message;
        string nowhere = Assert.Throws<ApertureException>(() => session.Load("./nowhere")).Message;

        Assert.Equal(empty, _locator.Resolve(empty));
        Assert.StartsWith($"Folder '{empty}' has no config.json and no model family recognises its files; there are ", nothing, StringComparison.Ordinal);
        Assert.EndsWith(" (aperture models list shows what they recognise).", nothing, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', nothing);
        Assert.StartsWith("There is no model './nowhere': it is neither a folder nor a hub id", nowhere, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cached_model_without_all_of_its_shards_is_refused()
    {
        const string Commit = "0123456789abcdef0123456789abcdef01234567";
        string repo = Path.Combine(_folder, "hub", "models--org--model");
        string snapshot = Path.Combine(repo, "snapshots", Commit);
        Directory.CreateDirectory(snapshot);
        Directory.CreateDirectory(Path.Combine(repo, "refs"));
        File.WriteAllText(Path.Combine(repo, "refs", "main"), Commit);
        File.WriteAllText(Path.Combine(snapshot, "config.json"), "{}");
        File.WriteAllText(Path.Combine(snapshot, "model.safetensors.index.json"), """{"weight_map":{"a":"model-1.safetensors","b":"model-2.safetensors"}}""");
        File.WriteAllText(Path.Combine(snapshot, "model-1.safetensors"), "");
        HubException error = Assert.Throws<HubException>(() => _locator.Resolve("org/model"));
        Assert.Contains("lacks 1 file(s) (model-2.safetensors)", error.Message);
        File.WriteAllText(Path.Combine(snapshot, "model-2.safetensors"), "");
        Assert.Equal(snapshot, _locator.Resolve("org/model"));
    }
}
