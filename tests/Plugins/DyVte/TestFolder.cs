namespace Aperture.Plugins.DyVte.Tests;

/// <summary>A model folder for factories; null for a model without one.</summary>
internal sealed class TestFolder(string? folder = null) : IMethodFiles
{
    public string? ModelFolder => folder;

    public string Resolve(string path)
        => File.Exists(path) ? path
            : folder is not null && File.Exists(Path.Combine(folder, path)) ? Path.Combine(folder, path)
            : throw new ApertureException($"There is no file '{path}'.");
}
