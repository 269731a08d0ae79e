using Aperture.Hub;
using Aperture.Plugins;

namespace Aperture.Tasks;

/// <summary>Finds checkpoints, and the files and folders that options name: as given, beside the checkpoint, or in the cache of the hub.</summary>
internal sealed class TaskFiles(string checkpoint, HubCache cache) : IMethodFiles
{
    private readonly string _folder = Directory.Exists(checkpoint) ? checkpoint : Path.GetDirectoryName(checkpoint)!;

    public string? ModelFolder => _folder;

    /// <summary>The full path of a checkpoint: as given, or a hub id's folder in the cache.</summary>
    public static string Locate(string fileOrFolder, HubCache cache)
    {
        if (Path.Exists(fileOrFolder))
        {
            return Path.GetFullPath(fileOrFolder);
        }

        bool hub = fileOrFolder.Contains('/') && HubRepo.IsId(fileOrFolder);
        return (hub ? cache.Find(HubRepo.Parse(fileOrFolder)) : null)
            ?? throw new ApertureException(
                $"There is no checkpoint '{fileOrFolder}'; give the path of a weights file or folder"
                + (hub ? $", or fetch it from the hub with: aperture pull {fileOrFolder}." : "."));
    }

    public string Resolve(string path)
    {
        string beside = Path.Combine(_folder, path);
        if (Path.Exists(path) || Path.Exists(beside))
        {
            return Path.Exists(path) ? Path.GetFullPath(path) : beside;
        }

        bool hub = HubRepo.IsId(path);
        return (hub ? cache.Find(HubRepo.Parse(path)) : null)
            ?? throw new ApertureException(
                $"There is no '{path}', neither here nor beside the checkpoint"
                + (hub ? $" nor in the cache; fetch it with: aperture pull {path}." : "; check the name."));
    }
}
