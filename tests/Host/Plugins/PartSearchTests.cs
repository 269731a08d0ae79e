using Aperture.Host.Tests.Cli;
using Aperture.Hub;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Plugins;

/// <summary>A plugin whose parts cannot be made takes nobody else's away.</summary>
[Collection(WholeProcess.Name)]
public sealed class PartSearchTests : IDisposable
{
    private const string Told =
        "Plugin 'broken': making what it registers as IModelFamily threw InvalidOperationException: no table of towers; keep its constructors from throwing.";

    private readonly PluginSandbox _sandbox = new();

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public async Task A_family_that_cannot_be_made_is_told_in_a_line_and_the_others_are_listed()
    {
        await using PluginHost alone = new(PluginCatalog.Read()), all = Host();

        IReadOnlyList<FamilyDescription> expected = Opener(alone).Families(out IReadOnlyList<string> none);
        IReadOnlyList<FamilyDescription> families = Opener(all).Families(out IReadOnlyList<string> failures);

        Assert.Empty(none);
        Assert.NotEmpty(expected);
        Assert.Equal(expected.Select(family => family.Name), families.Select(family => family.Name));
        Assert.Equal(Told, Assert.Single(failures));
    }

    [Fact]
    public async Task A_folder_that_nobody_knows_is_told_with_the_family_that_could_not_be_asked()
    {
        await using PluginHost plugins = Host();

        string refusal = Assert.Throws<ApertureException>(() => Opener(plugins).Open(_sandbox.Folder, new ModelOptions(), CancellationToken.None)).Message;

        Assert.EndsWith(Told, refusal, StringComparison.Ordinal);
        Assert.IsType<PluginUnload.Unloaded>(await plugins.UnloadAsync("broken"));
    }

    [Fact]
    [Trait("Category", "Process")]
    public async Task The_list_of_families_stands_and_ends_with_one()
    {
        using CommandFolder folder = new();

        (int code, string output, string error) = await folder.Run("models", "list", "--plugin", _sandbox.Add("BrokenFamily", "broken"));

        Assert.Equal((1, $"error: {Told}\n"), (code, error));
        await using PluginHost shipped = new(PluginCatalog.Read());
        Assert.All(Opener(shipped).Families(out _), family => Assert.Contains($"\n{family.Name} ", output, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_family_that_fails_on_a_folder_is_named_and_can_be_passed_by()
    {
        string throwing = _sandbox.Add("ThrowingFamily", "throwing");
        PluginCatalog catalog = new([new PluginEntry("throwing", throwing), .. PluginCatalog.Read().Entries]);
        await using PluginHost plugins = new(catalog, new PluginHostOptions { ShadowParent = _sandbox.Shadows });
        string model = Repository.Path("scripts", "models", "tiny-llava");

        string refusal = Assert.Throws<ApertureException>(() => Opener(plugins).Open(model, new ModelOptions(), CancellationToken.None)).Message;
        using Model opened = Opener(plugins).Open(model, new ModelOptions { Family = "llava" }, CancellationToken.None);

        Assert.Equal(
            $"Plugin 'throwing': its model family 'throwing-family' looked at '{model}' and threw InvalidOperationException: no eyes to look with; name the "
            + "folder's family (--family, ModelOptions.Family) or leave the plugin out.",
            refusal);
        Assert.Equal("tiny-llava", opened.Name);
    }

    // The broken one stands first, before those that must still be reached.
    private PluginHost Host() => new(
        new PluginCatalog([new PluginEntry("broken", _sandbox.Add("BrokenFamily", "broken")), .. PluginCatalog.Read().Entries]),
        new PluginHostOptions { ShadowParent = _sandbox.Shadows });

    private static ModelOpener Opener(PluginHost plugins) => new(plugins, new HubCache(HubSettings.FromEnvironment()));
}
