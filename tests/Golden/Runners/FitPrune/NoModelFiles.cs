using Aperture.Plugins;
using Aperture.Models;

namespace Aperture.Golden.Tests.FitPrune;

/// <summary>A recorded case has no model folder: every option stands in its configuration.</summary>
internal sealed class NoModelFiles : IMethodFiles
{
    public static NoModelFiles Instance { get; } = new();

    public string? ModelFolder => null;

    public string Resolve(string path) => throw new ApertureException($"A recorded case names no file, but '{path}' was asked for.");
}
