using Aperture.Hub;
using Aperture.Plugins;

namespace Aperture.Tasks;

/// <summary>
/// Finds checkpoints, and the files and folders that options name: as given, beside the checkpoint, among what comes with the application, or in the cache of
/// the hub.
/// </summary>
internal sealed class TaskFiles(string checkpoint, ModelLocator models, Action<string> tell) : IMethodFiles
{
    private readonly string _folder = Directory.Exists(checkpoint) ? checkpoint : Path.GetDirectoryName(checkpoint)!;

    public string? ModelFolder => _folder;

    public void Tell(string notice) => tell(notice);

    /// <summary>
    /// The full path of a checkpoint: as given, or the folder of a shipped one or of a hub id in the cache. Where a folder says which file holds the weights
    /// (<see cref="TaskSettings"/>), that file.
    /// </summary>
    public static string Locate(string fileOrFolder, ModelLocator models)
    {
        string path = Path.Exists(fileOrFolder) ? Path.GetFullPath(fileOrFolder) : models.Find(fileOrFolder) ?? throw Missing(fileOrFolder, models);
        return Directory.Exists(path) && TaskSettings.Of(path)?.Weights is { } weights ? Weights(path, weights) : path;
    }

    public string Resolve(string path)
    {
        string beside = Path.Combine(_folder, path);
        return Path.Exists(path) ? Path.GetFullPath(path)
            : Path.Exists(beside) ? beside
            : models.Find(path) ?? throw new ApertureException(
                $"There is no '{path}', neither here nor beside the checkpoint"
                + (HubRepo.IsId(path) ? $" nor in the cache; fetch it with: aperture pull {path}." : "; check the name."));
    }

    private static string Weights(string folder, string name)
    {
        string path = Path.Combine(folder, name);
        return File.Exists(path)
            ? path
            : throw new ApertureException($"{Path.Combine(folder, TaskSettings.FileName)}: there is no '{name}' beside it; fetch the checkpoint again.");
    }

    private static ApertureException Missing(string name, ModelLocator models)
    {
        bool hub = name.Contains('/') && HubRepo.IsId(name);
        string shipped = models.ShippedTasks is { Count: > 0 } names ? $" Checkpoints that come with the application: {string.Join(", ", names)}." : "";
        return new ApertureException(
            $"There is no checkpoint '{name}'; give the path of a weights file or folder"
            + (hub ? $", or fetch it from the hub with: aperture pull {name}." : ".") + shipped);
    }
}
