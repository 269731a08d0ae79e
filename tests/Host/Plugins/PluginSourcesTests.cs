using System.CommandLine;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Plugins;

/// <summary>Plugins that are dropped into a folder, named, listed, twice there or broken.</summary>
public sealed class PluginSourcesTests : IDisposable
{
    private const string Echo = "TestPlugins.Echo";
    private readonly PluginSandbox _sandbox = new();
    private readonly List<string> _told = [];

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public async Task A_folder_beside_the_list_is_loaded_like_a_listed_one()
    {
        List("");
        string folder = _sandbox.Add("Echo", $"plugins/{Echo}");

        PluginCatalog catalog = Read(_sandbox.Folder);

        Assert.Equal([("testplugins.echo", folder, true)], catalog.Entries.Select(entry => (entry.Id, entry.Folder, entry.Enabled)));
        await using PluginHost host = new(catalog, new PluginHostOptions { ShadowParent = _sandbox.Shadows });
        Assert.Equal(["echo", "echo-again"], host.LoadAll(out _).Select(method => method.Name));
        Assert.Empty(_told);
    }

    [Fact]
    public void A_folder_of_the_users_own_is_found_beside_those_that_ship()
    {
        string folder = _sandbox.Add("Echo", $"own/{Echo}");

        PluginCatalog catalog = Read(null);

        Assert.Equal([.. PluginCatalog.Read().Entries.Select(entry => entry.Folder), folder], catalog.Entries.Select(entry => entry.Folder));
    }

    [Fact]
    public void What_the_list_disables_stays_disabled()
    {
        List($$"""{ "id": "echo", "folder": "{{Echo}}", "enabled": false }""");
        _sandbox.Add("Echo", $"plugins/{Echo}");

        PluginEntry entry = Assert.Single(Read(_sandbox.Folder).Entries);
        Assert.False(entry.Enabled);
    }

    [Fact]
    public void The_second_of_two_with_one_id_is_left_out_and_told_of_once()
    {
        List($$"""{ "id": "{{Echo}}", "folder": "elsewhere/Echo" }""");
        string folder = _sandbox.Add("Echo", $"plugins/{Echo}");

        PluginSources sources = new(_told.Add, Path.Combine(_sandbox.Folder, "own"));
        Assert.Single(Read(sources, _sandbox.Folder).Entries);
        Assert.Single(Read(sources, _sandbox.Folder).Entries);

        string line = Assert.Single(_told);
        Assert.StartsWith(
            $"The plugin in {folder} is left out: {_sandbox.Folder}/elsewhere/Echo has the id 'testplugins.echo' already", line, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_that_is_no_plugin_is_told_of_with_what_to_do()
    {
        List("");
        File.Delete(Path.Combine(_sandbox.Add("Echo", "plugins/Broken"), $"{Echo}.deps.json"));
        Directory.CreateDirectory(Path.Combine(_sandbox.Folder, "plugins", "Empty"));
        string built = _sandbox.Add("Echo", $"plugins/Project/bin/{Echo}");

        Assert.Empty(Read(_sandbox.Folder).Entries);

        Assert.Equal(2, _told.Count);
        Assert.StartsWith($"{_sandbox.Folder}/plugins/Broken is no plugin: it holds neither Broken.dll nor", _told[0], StringComparison.Ordinal);
        Assert.Equal(
            $"{_sandbox.Folder}/plugins/Project is no plugin, but {built} in it is; move it to {_sandbox.Folder}/plugins, or name it with --plugin {built}.",
            _told[1]);
    }

    [Fact]
    public void Plugin_names_a_plugin_or_a_folder_of_plugins()
    {
        List("");
        string one = _sandbox.Add("Echo", $"some/{Echo}"), other = _sandbox.Add("Misnamed", "some/TestPlugins.Misnamed");
        string[] both = [one, other];

        Assert.Equal(both, Read(_sandbox.Folder, Path.Combine(_sandbox.Folder, "some")).Entries.Select(entry => entry.Folder));
        Assert.Equal([one], Read(_sandbox.Folder, one, one + "/").Entries.Select(entry => entry.Folder));
    }

    private void List(string entries) => File.WriteAllText(Path.Combine(_sandbox.Folder, PluginCatalog.FileName), $$"""{ "plugins": [{{entries}}] }""");

    private PluginCatalog Read(string? file, params string[] named) => Read(new PluginSources(_told.Add, Path.Combine(_sandbox.Folder, "own")), file, named);

    private static PluginCatalog Read(PluginSources sources, string? file, params string[] named)
    {
        RootCommand root = new();
        sources.AddTo(root);
        return sources.Read(root.Parse([.. named.SelectMany(folder => new[] { "--plugin", folder })]), file);
    }
}
