using Aperture.Models;
using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

public sealed class ThrowingFamilyPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services) => services.AddKeyedSingleton<IModelFamily, ThrowingFamily>("throwing-family");
}

internal sealed class ThrowingFamily : IModelFamily
{
    public string Name => "throwing-family";

    public string Summary => "Looks at no folder without failing.";

    public IReadOnlyList<string> Recognised => [];

    public FamilyMatch Recognises(ModelFolder folder) => throw new InvalidOperationException("no eyes\nto look with.");

    public ModelParts Open(ModelFolder folder, ModelOpening opening) => throw new InvalidOperationException("Nobody gets here.");
}
