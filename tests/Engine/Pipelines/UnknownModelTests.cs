using Aperture.Hub;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>A folder that no model family recognises: one line with what it is and the families there are.</summary>
public sealed class UnknownModelTests : IDisposable
{
    private const string End = "(aperture models list shows what they recognise).";

    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-unknown-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("""{ "architectures": ["FuyuForCausalLM"], "model_type": "fuyu" }""", "'{0}' holds a FuyuForCausalLM, which no model family recognises; {1}")]
    [InlineData("""{ "model_type": "fuyu" }""", "'{0}' holds a fuyu, which no model family recognises; {1}")]
    [InlineData(
        """{ "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "vision_config": { "model_type": "siglip_vision_model" } }""",
        "'{0}' holds a LlavaForConditionalGeneration, which no model family recognises; {1}")]
    [InlineData("{}", "config.json of '{0}' names neither architectures nor model_type, and no model family recognises it; {1}")]
    [InlineData("[1]", "config.json of '{0}' names neither architectures nor model_type, and no model family recognises it; {1}")]
    [InlineData(null, "Folder '{0}' has no config.json and no model family recognises its files; {1}")]
    public async Task It_is_named_with_the_families_there_are(string? config, string told)
    {
        if (config is not null)
        {
            File.WriteAllText(Path.Combine(_folder, "config.json"), config);
        }

        await using EngineSession session = Open(PluginCatalog.Read());
        Assert.Equal(string.Format(null, told, _folder, Families(session)) + " " + End, Assert.Throws<ApertureException>(() => session.Load(_folder)).Message);
    }

    [Fact]
    public async Task A_family_that_is_none_is_named_with_those_there_are()
    {
        await using EngineSession session = Open(PluginCatalog.Read());
        ApertureException error = Assert.Throws<ApertureException>(() => session.Load(_folder, new ModelOptions { Family = "fuyu" }));
        Assert.Equal($"There is no model family 'fuyu'; {Families(session)} {End}", error.Message);
    }

    [Fact]
    public async Task Without_plugins_there_is_no_family()
    {
        await using EngineSession session = Open(new PluginCatalog([]));
        Assert.EndsWith("; there is no family " + End, Assert.Throws<ApertureException>(() => session.Load(_folder)).Message);
    }

    private static EngineSession Open(PluginCatalog catalog) => EngineSessions.OpenAlone(new ModelOptions(), catalog: catalog);

    private static string Families(EngineSession session)
    {
        string[] names = [.. new ModelOpener(session.Plugins, new HubCache(HubSettings.FromEnvironment())).Families(out _).Select(family => family.Name)];
        Assert.Contains("llava", names);
        return $"there are {string.Join(", ", names)}";
    }
}
