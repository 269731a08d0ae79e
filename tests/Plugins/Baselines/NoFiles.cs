namespace Aperture.Plugins.Baselines.Tests;

/// <summary>A model without a folder.</summary>
internal sealed class NoFiles : IMethodFiles
{
    public static NoFiles Instance { get; } = new();

    public string? ModelFolder => null;

    public string Resolve(string path) => throw new ApertureException($"There is no file '{path}'.");
}
