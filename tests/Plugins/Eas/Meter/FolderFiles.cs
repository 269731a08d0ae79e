namespace Aperture.Plugins.Eas.Tests.Meter;

/// <summary>Files of one folder.</summary>
internal sealed class FolderFiles(string folder) : IMethodFiles
{
    public string? ModelFolder => folder;

    public string Resolve(string path) => Path.Combine(folder, path);
}
