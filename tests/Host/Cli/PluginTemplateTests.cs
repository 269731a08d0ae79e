using Aperture.Decoding;
using Aperture.Host.Tests.Plugins;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Cli;

/// <summary>A plugin written outside the solution, as somebody else would, from the template.</summary>
[Trait("Category", "Process")]
public sealed class PluginTemplateTests : IDisposable
{
    private readonly CommandFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_new_plugin_builds_loads_and_comes_back_changed_after_a_rebuild()
    {
        (int code, string output, string error) = await _folder.Run("plugins", "new", "KeepStrongest");
        Assert.Equal((0, $"{_folder.Folder}/KeepStrongest\n"), (code, output));
        Assert.StartsWith($"Next: cd {_folder.Folder}/KeepStrongest && dotnet test", error);
        string built = Path.Combine(_folder.Folder, "KeepStrongest", "bin", "KeepStrongest");
        await Build();
        Assert.Equal(
            ["KeepStrongest.deps.json", "KeepStrongest.dll", "KeepStrongest.pdb", "KeepStrongest.runtimeconfig.json", "KeepStrongest.xml"],
            Directory.GetFiles(built).Select(Path.GetFileName).Order());
        (code, output, _) = await _folder.Run("plugins", "list", "--plugin", built);
        Assert.Equal(0, code);
        Assert.Contains(output.Split('\n'), line => line.Contains("keepstrongest") && line.Contains("Keeps the visual tokens with the largest norm."));

        (_, output, _) = await _folder.Run("plugins", "show", "keepstrongest", "--plugin", built);
        Assert.Matches(@"Keep +number +0\.5 +above 0, up to 1 +Share of an image's tokens to keep\.", output);
        (code, output, error) = await _folder.Run("plugins", "test", built);
        Assert.Equal((0, ""), (code, error));
        Assert.Equal("keepstrongest: 3 questions on tiny-llava, asked twice; nothing is wrong.\n", output);

        using PluginSandbox sandbox = new();
        await using PluginHost host = new(
            new PluginCatalog([new PluginEntry("keepstrongest", built)]), new PluginHostOptions { ShadowParent = sandbox.Shadows });
        using (LeasedMethod method = host.Create("keepstrongest", default, PluginSandbox.Decoder, sandbox))
        {
            Assert.IsAssignableFrom<ITokenReducer>(method.Method);
        }

        string factory = Path.Combine(_folder.Folder, "KeepStrongest", "src", "KeepStrongestFactory.cs");
        File.WriteAllText(factory, File.ReadAllText(factory).Replace("with the largest norm", "that shine", StringComparison.Ordinal));
        await Build();
        PluginReload reload = await host.ReloadAsync("keepstrongest");
        Assert.True(reload.Reloaded, reload.Message);
        Assert.Equal("Keeps the visual tokens that shine.", Assert.Single(host.LoadAll(out _)).Summary);
    }

    [Theory]
    [InlineData("plugin", "aperture-plugin", "method")]
    [InlineData("family", "aperture-family", "family")]
    public async Task Dotnet_new_writes_the_same(string template, string shortName, string kind)
    {
        string hive = Path.Combine(_folder.Folder, "hive"), command = Path.TrimEndingDirectorySeparator(AppContext.BaseDirectory);
        await Dotnet("new", "install", Repository.Path("scripts", "templates", template), "--debug:custom-hive", hive);
        await Dotnet("new", shortName, "--name", "KeepStrongest", "--output", "theirs", "--aperture", command, "--debug:custom-hive", hive);
        await _folder.Run("plugins", "new", "KeepStrongest", "--kind", kind, "--output", "ours");
        Assert.Equal(Tree("ours"), Tree("theirs"));
        Assert.All(Tree("ours"), file => Assert.DoesNotMatch("(?i)MyMethod|MyFamily|APERTURE-COMMAND-FOLDER", file.Key + file.Value));
    }

    [Fact]
    public void A_token_reducer_takes_two_hundred_lines_at_most()
        => Assert.InRange(SourceLines.Of(Repository.Path("scripts", "templates", "plugin", "src")), 1, 200);

    [Fact]
    public async Task A_kind_that_is_none_is_refused()
    {
        (int code, string output, string error) = await _folder.Run("plugins", "new", "Keep", "--kind", "task");
        Assert.Equal((1, "", "error: --kind 'task' is unknown; there are method, family.\n"), (code, output, error));
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Folder));
    }

    [Theory]
    [InlineData("keep", "begin with a capital")]
    [InlineData("Keep-Strongest", "letters and digits only")]
    [InlineData("../Keep", "cannot be a plugin's name")]
    [InlineData("MyMethod", "cannot be a plugin's name")]
    public async Task A_name_that_is_none_is_refused(string name, string reason)
    {
        (int code, _, string error) = await _folder.Run("plugins", "new", name);
        Assert.Equal(1, code);
        Assert.Contains(reason, error);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Folder));
    }

    [Fact]
    public async Task What_is_there_already_is_not_written_over_and_a_missing_plugin_folder_is_named()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Folder, "Keep"));
        _folder.Write("Keep/mine.txt", "mine");
        Assert.Contains("is there already", (await _folder.Run("plugins", "new", "Keep")).Error);
        Assert.Contains("There is no plugin folder", (await _folder.Run("plugins", "list", "--plugin", "none")).Error);
        _folder.Environment["APERTURE_PLUGINS"] = Path.Combine(_folder.Folder, "none");
        Assert.Contains("correct --plugin or APERTURE_PLUGINS", (await _folder.Run("plugins", "list")).Error);
    }

    private Task Build() => Dotnet("build", "KeepStrongest/src", "-v", "quiet", "--nologo", "-nodeReuse:false");

    private Task Dotnet(params string[] arguments) => DotnetProcess.Run(_folder.Folder, arguments);

    private Dictionary<string, string> Tree(string name)
    {
        string root = Path.Combine(_folder.Folder, name);
        return Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).ToDictionary(file => Path.GetRelativePath(root, file), File.ReadAllText);
    }
}
