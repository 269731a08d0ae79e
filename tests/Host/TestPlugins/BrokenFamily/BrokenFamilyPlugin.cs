using Aperture.Models;
using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

public sealed class BrokenFamilyPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services) => services.AddKeyedSingleton<IModelFamily, BrokenFamily>("broken-family");
}

internal sealed class BrokenFamily : IModelFamily
{
    public BrokenFamily() => throw new InvalidOperationException("no table\nof towers.");

    public string Name => "broken-family";

    public string Summary => "Cannot be made.";

    public IReadOnlyList<string> Recognised => [];

    public FamilyMatch Recognises(ModelFolder folder) => FamilyMatch.Named;

    public ModelParts Open(ModelFolder folder, ModelOpening opening) => throw new InvalidOperationException("Nobody gets here.");
}
