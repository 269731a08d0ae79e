using Aperture.Models;
using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace MyFamily;

/// <summary>Entry of the plugin: registers the model family <c>myfamily</c>.</summary>
public sealed class MyFamilyPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services.AddKeyedSingleton<IModelFamily, MyFamilyLoader>(MyFamilyLoader.FamilyName);
}
