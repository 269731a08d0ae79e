using Aperture.Host.Tests.Plugins;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Cli;

[Trait("Category", "Process")]
public sealed class PluginsCommandTests : IDisposable
{
    private readonly CommandFolder _folder = new();
    private readonly PluginSandbox _sandbox = new();

    public void Dispose()
    {
        _sandbox.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task List_shows_every_shipped_plugin_with_a_method()
    {
        (int code, string output, string error) = await _folder.Run("plugins", "list");

        Assert.Equal("", error);
        Assert.Equal(0, code);
        Assert.All(PluginCatalog.Read().Entries, entry => Assert.Contains(output.Split('\n'), line => line.Contains(entry.Id) && line.Contains("loads")));
        Assert.Contains("fitprune", output);
        Assert.Contains("random", output);
    }

    [Fact]
    public async Task List_names_what_does_not_load_and_ends_with_one()
    {
        _sandbox.Add("ThrowingRegister");
        _folder.Write(
            "plugins.json",
            $$"""{ "plugins": [{ "id": "angry", "folder": "{{_sandbox.Folder}}/ThrowingRegister" }, { "id": "off", "folder": "Off", "enabled": false }] }""");

        (int code, string output, string error) = await _folder.Run("plugins", "list", "--file", ".");

        Assert.Equal(1, code);
        Assert.Contains(output.Split('\n'), line => line.Contains("angry") && line.Contains("fails"));
        Assert.Contains(output.Split('\n'), line => line.Contains("off") && line.Contains("disabled"));
        Assert.StartsWith("error: Plugin 'angry': ", error);
    }

    [Fact]
    public async Task Doctor_refuses_a_folder_with_a_second_libtorch_unloaded()
    {
        (int code, string output, _) = await _folder.Run("plugins", "doctor", _sandbox.Add("Careless"));

        Assert.Equal(1, code);
        Assert.Contains("  forbidden  TorchSharp.dll", output);
        Assert.Contains("Refused: Plugin 'Careless' carries its own", output);
    }

    [Fact]
    public async Task Doctor_examines_a_plugin_by_its_id()
    {
        (int code, string output, string error) = await _folder.Run("plugins", "doctor", "fitprune");

        Assert.Equal("", error);
        Assert.Equal(0, code);
        Assert.Contains("  shared     Aperture.Abstractions", output);
        Assert.EndsWith("  Loaded: method fitprune.\n  Plugin 'fitprune' is unloaded.\n", output);
    }

    [Fact]
    public async Task Reload_says_whether_the_old_copy_left_memory()
    {
        _sandbox.Add("Hoarder");
        _folder.Write("mine.json", $$"""{ "plugins": [{ "id": "hoarder", "folder": "{{_sandbox.Folder}}/Hoarder" }] }""");

        (int code, string output, string error) = await _folder.Run("plugins", "reload", "fitprune");
        Assert.Equal("Plugin 'fitprune' is reloaded.\n", output + error);
        Assert.Equal(0, code);

        (code, _, error) = await _folder.Run("plugins", "reload", "hoarder", "--file", "mine.json");
        Assert.Contains("stays in memory: it uses System.ComponentModel.TypeDescriptor", error);
        Assert.Equal(1, code);
        Assert.StartsWith("error: There is no plugin 'x'", (await _folder.Run("plugins", "reload", "x")).Error);
    }
}
