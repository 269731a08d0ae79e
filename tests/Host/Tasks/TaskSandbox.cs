using System.Text.Json;
using Aperture.Host.Tests.Plugins;
using Aperture.Hub;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Tasks;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Tasks;

/// <summary>The test plugin's architectures in a session, and checkpoints of them.</summary>
internal sealed class TaskSandbox : IDisposable
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private readonly PluginSandbox _plugins = new();

    public TaskSandbox() => _plugins.Add("Tasks");

    public string Folder => _plugins.Folder;

    /// <summary>A dark picture, and a bright one.</summary>
    public static Image Dark { get; } = Image.Filled(6, 4, 30, 30, 30);

    public static Image Bright { get; } = Image.Filled(6, 4, 240, 240, 240);

    public PluginSandbox Plugins => _plugins;

    public EngineSession Open(JsonElement defaults = default)
        => new(_plugins.Host(defaults, "Tasks"), new HubCache(new HubSettings { CacheFolder = Path.Combine(Folder, "hub") }), new ModelOptions());

    /// <summary>Writes a checkpoint with one-element tensors.</summary>
    public string Checkpoint(string file, params string[] tensors)
    {
        string path = Path.Combine(Folder, file);
        using Tensor weight = tensor([4f]);
        SafetensorsWriter.Save(path, tensors.ToDictionary(name => name, _ => weight));
        return path;
    }

    public string Stencil()
    {
        string folder = Directory.CreateDirectory(Path.Combine(Folder, "stencil")).FullName;
        File.WriteAllText(Path.Combine(folder, "stencil.json"), "plain");
        return folder;
    }

    public void Dispose() => _plugins.Dispose();
}

/// <summary>Holds a call where it reports, until it is released.</summary>
internal sealed class Held
{
    private readonly TaskCompletionSource _began = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _release = new();

    public Task Began => _began.Task.WaitAsync(TaskSandbox.Limit);

    public List<TaskProgress> Reports { get; } = [];

    public void Report(TaskProgress value)
    {
        Reports.Add(value);
        _began.TrySetResult();
        Assert.True(_release.Task.Wait(TaskSandbox.Limit));
    }

    public void Release() => _release.SetResult();
}
