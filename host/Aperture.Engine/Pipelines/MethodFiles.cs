using Aperture.Plugins;

namespace Aperture.Engine;

/// <summary>Finds the files that method options name: as given, or in the model's folder.</summary>
internal sealed class MethodFiles(string folder) : IMethodFiles
{
    public string? ModelFolder => folder;

    public string Resolve(string path)
    {
        string beside = Path.Combine(folder, path);
        return File.Exists(path) ? Path.GetFullPath(path)
            : File.Exists(beside) ? beside
            : throw new ApertureException($"There is no file '{path}', neither here nor in the model's folder; check the name.");
    }
}
