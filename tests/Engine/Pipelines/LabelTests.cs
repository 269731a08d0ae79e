using System.Text.Json;
using Aperture.Hub;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>A label says what a method was made with, also where <c>plugins.json</c> says it.</summary>
public sealed class LabelTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    [Fact]
    public async Task Defaults_of_the_list_stand_in_labels()
    {
        PluginCatalog shipped = PluginCatalog.Read();
        JsonElement fitprune = JsonElement.Parse("""{ "ScaleToLayers": true, "fitprune": { "Reduction": 0.6 } }""");
        PluginHost plugins = new(new PluginCatalog(shipped.Entries.Select(entry => entry.Id == "fitprune" ? entry with { Options = fitprune } : entry)));
        await using EngineSession session = new(
            plugins, new HubCache(HubSettings.FromEnvironment()), new ModelOptions { Type = "float32", Threads = 1 });
        Pipeline plain = session.Load(small.Folder);

        Assert.Equal("fitprune(Reduction=0.6, ScaleToLayers=true)", plain.With("fitprune").Label);
        Assert.Equal("fitprune(reduction=0.3, ScaleToLayers=true)", plain.With("fitprune", new { reduction = 0.3 }).Label);
        Assert.Equal("random(Keep=0.5)", plain.With("random", new { Keep = 0.5 }).Label);
        Assert.Equal("none", plain.Label);
        Assert.Empty(plain.With("fitprune").Spec.Methods[0].Label.Replace("fitprune", "", StringComparison.Ordinal)); // What is written down is the user's.
    }
}
