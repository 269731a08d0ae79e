using System.Reflection;
using Aperture;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Tasks;

namespace MyFamily.Tests;

/// <summary>The built plugin, loaded as the aperture command loads it, with a checkpoint of random weights.</summary>
public sealed class MyFamilyTests : IDisposable
{
    private readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory("myfamily-").FullName, "small");

    public MyFamilyTests() => SmallCheckpoint.Write(_folder, Path.Combine(Setting("ApertureFolder"), "scripts", "models", "tiny-llava"));

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_folder)!, recursive: true);

    [Fact]
    public async Task A_question_about_a_picture_is_answered()
    {
        await using EngineSession session = Open();
        Pipeline model = session.Load(_folder);
        Image picture = Image.Load(Path.Combine(Setting("ApertureFolder"), "scripts", "shelf.png"));
        Answer answer = await model.Ask(picture, "What is in the top left?", new GenerationOptions { MinNewTokens = 4, MaxNewTokens = 4 });
        Assert.Equal(("myfamily", 16, 4), (model.Model.Family, answer.VisualTokens, answer.Tokens.Count));
    }

    [Theory]
    [InlineData("\"siglip_vision_model\"", "\"clip_vision_model\"")]
    [InlineData("\"model_type\": \"llava\"", "\"model_type\": \"llava_next\"")]
    public void Another_model_is_not_recognised(string what, string with)
    {
        MyFamilyLoader family = new();
        Assert.Equal(FamilyMatch.Named, family.Recognises(new ModelFolder(_folder)));
        Edit("config.json", what, with);
        Assert.Equal(FamilyMatch.None, family.Recognises(new ModelFolder(_folder)));
    }

    [Theory]
    [InlineData("config.json", "\"full\"", "\"default\"", "class token")]
    [InlineData("config.json", "\"vision_feature_layer\": -2", "\"vision_feature_layer\": 4", "vision_feature_layer 4")]
    [InlineData("preprocessor_config.json", "SiglipImageProcessor", "CLIPImageProcessor", "CLIPImageProcessor")]
    [InlineData("preprocessor_config.json", "\"width\": 36", "\"width\": 45", "36x36")]
    public void What_would_be_guessed_is_refused(string file, string what, string with, string told)
    {
        Edit(file, what, with);
        using ModelOpening opening = new(TorchSharp.torch.CPU);
        Assert.Contains(told, Assert.Throws<ApertureException>(() => new MyFamilyLoader().Open(new ModelFolder(_folder), opening)).Message);
    }

    private static EngineSession Open()
    {
        PluginCatalog shipped = PluginCatalog.Read(Setting("ApertureFolder"));
        PluginHost plugins = new(new PluginCatalog([.. shipped.Entries, new PluginEntry("myfamily", Setting("PluginFolder"))], shipped.Source));
        return EngineSession.Start(new EngineOptions { Plugins = plugins, Models = new ModelOptions { Device = "cpu", Threads = 1 } });
    }

    private static string Setting(string name)
        => typeof(MyFamilyTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == name).Value!;

    private void Edit(string file, string what, string with)
    {
        string path = Path.Combine(_folder, file), text = File.ReadAllText(path);
        Assert.Contains(what, text);
        File.WriteAllText(path, text.Replace(what, with, StringComparison.Ordinal));
    }
}
