using Aperture.Plugins;
using Aperture.Weights;
using Aperture.Models;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>A recorded case as a model without a folder: its weights are the checkpoint.</summary>
internal sealed class CaseFiles(IWeightSource checkpoint) : IMethodFiles
{
    public string? ModelFolder => null;

    public IWeightSource? Checkpoint => checkpoint;

    public string Resolve(string path) => throw new ApertureException($"A recorded case names no file, but '{path}' was asked for.");
}
