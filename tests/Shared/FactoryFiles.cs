using Aperture.Plugins;
using Aperture.Weights;

namespace Aperture.Tests;

/// <summary>What a factory may ask of a model: files as they are named or in the model's folder, and the open checkpoint.</summary>
/// <param name="folder">The model's folder; null for a model without one.</param>
/// <param name="checkpoint">The checkpoint; borrowed. Null: none.</param>
internal sealed class FactoryFiles(string? folder = null, IWeightSource? checkpoint = null, Action<string>? tell = null) : IMethodFiles
{
    public string? ModelFolder => folder;

    public IWeightSource? Checkpoint => checkpoint;

    public string Resolve(string path)
        => Array.Find([path, Path.Combine(folder ?? "", path)], Path.Exists) ?? throw new ApertureException($"There is no file '{path}'.");

    public void Tell(string line) => tell?.Invoke(line);
}
