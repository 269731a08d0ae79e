using System.Text.Json;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Tasks;

namespace Aperture.Host.Tests.Tasks;

/// <summary>Which architecture opens a checkpoint, and what is said when none or several would.</summary>
[Collection(WholeProcess.Name)]
public sealed class TaskLoadingTests : IDisposable
{
    private readonly TaskSandbox _sandbox = new();

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public async Task A_checkpoint_opens_with_the_architecture_that_recognises_it()
    {
        await using EngineSession session = _sandbox.Open();

        OpenTask<IClassifier> shade = session.LoadTask<IClassifier>(_sandbox.Checkpoint("a.safetensors", "shade.scale"));
        OpenTask<IClassifier> twin = session.LoadTask<IClassifier>(_sandbox.Checkpoint("b.safetensors", "twin.scale"));
        OpenTask<ISegmenter> stencil = session.LoadTask<ISegmenter>(_sandbox.Stencil());

        Assert.Equal(("shade", "twin", "stencil"), (shade.Architecture, twin.Architecture, stencil.Architecture));
        Assert.Equal(("tasks", "brightness, sharpness 1", "plain"), (shade.Plugin, shade.Summary, stencil.Summary));
        Assert.Equal(3, session.Plugins.Plugins[0].Leases);
        Assert.Equal("bright", shade.Classify("brightness", TaskSandbox.Bright, "").Value[0].Label);
    }

    [Fact]
    public async Task None_and_several_and_another_task_are_one_line()
    {
        await using EngineSession session = _sandbox.Open();
        string other = _sandbox.Checkpoint("other.safetensors", "something.else"), both = _sandbox.Checkpoint("both.safetensors", "shade.scale", "twin.scale");
        string text = Path.Combine(_sandbox.Folder, "text.ckpt");
        File.WriteAllText(text, "no weights at all");
        string Message(Action act) => Assert.Throws<ApertureException>(act).Message;

        Assert.Equal($"No classifier's architecture recognises '{other}'; there are shade, twin.", Message(() => session.LoadTask<IClassifier>(other)));
        Assert.Equal($"No captioner's architecture recognises '{other}'; there are none.", Message(() => session.LoadTask<ICaptioner>(other)));
        Assert.StartsWith($"No architecture recognises '{text}'; there are shade, twin, stencil. ", Message(() => session.LoadTask<ITaskModel>(text)));
        Assert.Equal(
            $"'{both}' may be of several architectures: shade, twin; say which, such as architecture: \"shade\".",
            Message(() => session.LoadTask<IClassifier>(both)));
        Assert.Equal("twin", session.LoadTask<IClassifier>(both, "twin").Architecture);
        Assert.Equal(
            $"'{both}' is of the architecture 'shade', which is a classifier, not an image editor; load it as IClassifier.",
            Message(() => session.LoadTask<IImageEditor>(both)));
        Assert.Equal("'stencil' is a segmenter, not a classifier; load it as ISegmenter.", Message(() => session.LoadTask<IClassifier>(both, "stencil")));
        Assert.StartsWith("No enabled plugin has a task 'shady';", Message(() => session.LoadTask<IClassifier>(both, "shady")));
        Assert.StartsWith(
            "There is no checkpoint 'nowhere.ckpt'; give the path of a weights file or folder. Checkpoints that come with the application: ",
            Message(() => session.LoadTask<IClassifier>("nowhere.ckpt")));
        Assert.Contains("fetch it from the hub with: aperture pull some/where", Message(() => session.LoadTask<IClassifier>("some/where")));
        Assert.Equal(1, session.Plugins.Plugins[0].Leases);
    }

    [Fact]
    public async Task A_plugin_that_fails_to_look_is_named()
    {
        await using EngineSession session = _sandbox.Open();
        string poison = _sandbox.Checkpoint("poison.safetensors", "shade.scale");

        string message = Assert.Throws<ApertureException>(() => session.LoadTask<IClassifier>(poison)).Message;

        Assert.Equal(
            $"The architecture 'shade' of plugin 'tasks' failed to look at '{poison}' (InvalidOperationException: bitter); name another with architecture.",
            message);
        Assert.Equal(0, session.Plugins.Plugins[0].Leases);
        Assert.Equal("shade", session.LoadTask<IClassifier>(poison, "shade").Architecture);
    }

    [Fact]
    public async Task Options_are_described_bound_and_refused()
    {
        string checkpoint = _sandbox.Checkpoint("a.safetensors", "shade.scale");
        using JsonDocument defaults = JsonDocument.Parse("""{ "Sharpness": 2, "twin": { "Sharpness": 9 } }""");
        await using EngineSession session = _sandbox.Open(defaults.RootElement);

        Assert.Equal("brightness, sharpness 3", session.LoadTask<IClassifier>(checkpoint, options: new { sharpness = 3 }).Summary);
        Assert.Equal("brightness, sharpness 2", session.LoadTask<IClassifier>(checkpoint).Summary);
        Assert.Equal("brightness, sharpness 9", session.LoadTask<IClassifier>(_sandbox.Checkpoint("b.safetensors", "twin.scale")).Summary);
        string Message(object options) => Assert.Throws<ApertureException>(() => session.LoadTask<IClassifier>(checkpoint, options: options)).Message;
        Assert.Contains("Sharpness is 0", Message(new { Sharpness = 0 }));
        Assert.Contains("unknown option 'Blur'", Message(new { Blur = 1 }));
        Assert.Contains("options must be an object", Message("[1]"));
        Assert.Equal(3, session.Plugins.Plugins[0].Leases);
        PluginTask task = session.Plugins.Plugins[0].Tasks[0];
        Assert.Equal(("tasks", "shade", "classifier", "A weights file with shade.scale."), (task.Plugin, task.Name, task.Kind, task.Checkpoints));
        Assert.Equal(["Sharpness"], task.Options.Select(option => option.Name));
        Assert.Contains("Rate", task.TrainingOptions!.Select(option => option.Name));
        Assert.Null(session.Plugins.Plugins[0].Tasks[2].TrainingOptions);
    }

    [Fact]
    public async Task A_task_in_the_wrong_place_or_taken_twice_is_refused_when_its_plugin_loads()
    {
        _sandbox.Plugins.Add("Mistasked");
        _sandbox.Plugins.Add("Tasks", "TestPlugins.Tasks");
        await using PluginHost host = _sandbox.Plugins.Host("Tasks", "Mistasked", "TestPlugins.Tasks");

        host.LoadAll(out IReadOnlyList<PluginFailure> failures);

        Assert.All(failures, failure => Assert.IsType<PluginFailure.InvalidTasks>(failure));
        Assert.Contains("a task is registered as ITaskFactory<…>, where nothing looks for it; register each task as", failures[0].Message);
        Assert.Contains("its task 'shade' is offered by plugin 'tasks' already", failures[1].Message);
    }

    [Theory]
    [InlineData(typeof(IFaceGenerator), "face generator")]
    [InlineData(typeof(IImageEditor), "image editor")]
    [InlineData(typeof(ICaptioner), "captioner")]
    public void Kinds_are_words(Type contract, string expected) => Assert.Equal(expected, PluginTask.KindOf(contract));
}
