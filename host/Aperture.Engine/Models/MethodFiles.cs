using Aperture.Plugins;
using Aperture.Weights;

namespace Aperture.Models;

/// <summary>Finds the files that method options name: as given, or in the model's folder; and the open checkpoint.</summary>
internal sealed class MethodFiles(Model model) : IMethodFiles
{
    public string? ModelFolder => model.Folder.Length == 0 ? null : model.Folder;

    public IWeightSource? Checkpoint => model.Checkpoint;

    public void Tell(string notice) => model.Tell(notice);

    public string Resolve(string path)
    {
        string beside = Path.Combine(model.Folder, path);
        return File.Exists(path) ? Path.GetFullPath(path)
            : File.Exists(beside) ? beside
            : throw new ApertureException($"There is no file '{path}', neither here nor in the model's folder; check the name.");
    }
}
