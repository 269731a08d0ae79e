using Aperture.Generation;
using Aperture.Hub;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>Sessions that share a plugin host load each plugin once; a session that ends gives back what it held and leaves the host to the other.</summary>
[Collection(WholeProcess.Name)]
public sealed class SharedPluginsTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    [Fact]
    public async Task A_session_that_ends_leaves_the_host_to_the_other()
    {
        await using PluginHost plugins = new(PluginCatalog.Read());
        await using EngineSession other = Open(plugins);
        string first;
        await using (EngineSession session = Open(plugins))
        {
            first = await Ask(session);
            Assert.Equal(1, Leases(plugins));
        }

        Assert.Equal(0, Leases(plugins));
        Assert.True(plugins.Plugins.Single(plugin => plugin.Entry.Id == "fitprune").Loaded);
        Assert.Equal(first, await Ask(other));
    }

    private async Task<string> Ask(EngineSession session)
    {
        Pipeline pruned = session.Load(small.Folder).With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } });
        return (await pruned.Ask(Image.Load(small.Picture), "abc?", new GenerationOptions { MaxNewTokens = 3 })).Text;
    }

    private static int Leases(PluginHost plugins) => plugins.Plugins.Single(plugin => plugin.Entry.Id == "fitprune").Leases;

    private static EngineSession Open(PluginHost plugins)
        => new(plugins, new HubCache(HubSettings.FromEnvironment()), new ModelOptions { Type = "float32", Threads = 1 }, ownsPlugins: false);
}
