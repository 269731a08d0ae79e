using System.Reflection;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using static TorchSharp.torch;

// Tensors are counted for the whole process.
[assembly: CollectionBehavior(DisableTestParallelization = true)]

namespace MyMethod.Tests;

/// <summary>The built plugin in the shipped model, loaded as the aperture command loads it.</summary>
public class MyMethodInModelTests
{
    private const string Question = "What is in the top left?";

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.25)]
    public async Task Fewer_visual_tokens_enter_the_decoder(double keep)
    {
        await using EngineSession session = Open();
        Pipeline model = session.Load(Path.Combine(Setting("ApertureFolder"), "scripts", "models", "tiny-llava"));
        Image picture = Image.Load(Path.Combine(Setting("ApertureFolder"), "scripts", "shelf.png"));
        Answer plain = await model.Ask(picture, Question);
        Answer reduced = await model.With("mymethod", new { Keep = keep }).Ask(picture, Question);
        Assert.Equal((int)(plain.VisualTokens * keep), reduced.VisualTokens);
        Assert.True(reduced.Flops.Total < plain.Flops.Total);
    }

    [Fact]
    public async Task Keeping_everything_gives_the_same_answer()
    {
        await using EngineSession session = Open();
        Pipeline model = session.Load(Path.Combine(Setting("ApertureFolder"), "scripts", "models", "tiny-llava"));
        Image picture = Image.Load(Path.Combine(Setting("ApertureFolder"), "scripts", "shelf.png"));
        Answer plain = await model.Ask(picture, Question);
        Answer all = await model.With("mymethod", new { Keep = 1.0 }).Ask(picture, Question);
        Assert.Equal(plain.Tokens, all.Tokens);
    }

    [Fact]
    public async Task No_question_leaves_a_tensor_behind()
    {
        await using EngineSession session = Open();
        Pipeline reduced = session.Load(Path.Combine(Setting("ApertureFolder"), "scripts", "models", "tiny-llava")).With("mymethod");
        Image picture = Image.Load(Path.Combine(Setting("ApertureFolder"), "scripts", "shelf.png"));
        await reduced.Ask(picture, Question); // Makes what stays: the method and the tables of the model.
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = Tensor.TotalCount;
        for (int i = 0; i < 3; i++)
        {
            await reduced.Ask(picture, Question);
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    private static EngineSession Open()
    {
        PluginCatalog shipped = PluginCatalog.Read(Setting("ApertureFolder"));
        PluginHost plugins = new(new PluginCatalog([.. shipped.Entries, new PluginEntry("mymethod", Setting("PluginFolder"))], shipped.Source));
        return EngineSession.Start(new EngineOptions { Plugins = plugins, Models = new ModelOptions { Device = "cpu", Threads = 1 } });
    }

    private static string Setting(string name)
        => typeof(MyMethodInModelTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == name).Value!;
}
