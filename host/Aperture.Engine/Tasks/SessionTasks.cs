using System.Text.Json;
using Aperture.Hub;
using Aperture.Models;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Scheduling;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Tasks;

/// <summary>The tasks that a session has open, and how it opens and trains them. Disposing it disposes what is open.</summary>
internal sealed class SessionTasks(PluginHost plugins, RequestQueue requests, ModelLocator models, Action<string> tell) : IDisposable
{
    private readonly List<IOpenTask> _open = [];

    /// <summary>Opens a checkpoint with the architecture that is named or that recognises it.</summary>
    public OpenTask<T> Load<T>(string fileOrFolder, string? architecture, JsonElement options, string device)
        where T : class, ITaskModel
        => requests.Run(_open, _ =>
        {
            string path = TaskFiles.Locate(fileOrFolder, models);
            TaskSettings? settings = TaskSettings.Of(path);
            PluginLease lease = TaskFinder<T>.Find(plugins, path, architecture ?? settings?.Architecture, out ITaskFactory<T> factory);
            try
            {
                OpenTask<T> task = Open(lease, factory, path, With(settings, factory.Name, options), Devices.Parse(device));
                _open.RemoveAll(known => known.IsDisposed);
                _open.Add(task);
                return task;
            }
            catch
            {
                lease.Dispose();
                throw;
            }
        });

    /// <summary>Trains a checkpoint with the architecture that is named or that recognises it.</summary>
    public TrainingResult Train(
        string fileOrFolder,
        string samples,
        string output,
        string? architecture,
        JsonElement options,
        string device,
        IProgress<TrainingProgress>? progress,
        CancellationToken cancellationToken)
        => requests.Run(
            new object(),
            token =>
            {
                string path = TaskFiles.Locate(fileOrFolder, models);
                IReadOnlyList<TaskSample> read = TaskSamples.Read(samples);
                TaskFiles files = new(path, models, tell);
                string? named = architecture ?? TaskSettings.Of(path)?.Architecture;
                using PluginLease lease = TaskFinder<ITaskModel>.Find(plugins, path, named, out ITaskFactory<ITaskModel> factory);
                return factory is ITrainedTask trained
                    ? TaskTrainer.Run(factory.Name, trained, path, read, options, Devices.Parse(device), files, output, progress, token)
                    : throw new ApertureException($"'{factory.Name}' has nothing to train; it works as it is.");
            },
            cancellationToken);

    public void Dispose()
    {
        _open.ForEach(task => task.Dispose());
        _open.Clear();
    }

    // A checkpoint's own options are those of the architecture that it names.
    private static JsonElement With(TaskSettings? settings, string architecture, JsonElement options)
        => settings is { Options: { } own } && (settings.Architecture ?? architecture) == architecture
            ? PluginDefaults.Under(options, own.Deserialize<JsonElement>().EnumerateObject())
            : options;

    private OpenTask<T> Open<T>(PluginLease lease, ITaskFactory<T> factory, string path, JsonElement options, Device device)
        where T : class, ITaskModel
    {
        JsonElement all = PluginDefaults.Apply(factory.Name, lease.Names, lease.Entry.Options, options);
        T model = factory.Open(path, all, device, new TaskFiles(path, models, tell));
        try
        {
            return new OpenTask<T>(requests, lease, model, path, device);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }
}
