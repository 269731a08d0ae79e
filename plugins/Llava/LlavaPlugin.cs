using Aperture.Models;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.Llava;

/// <summary>Entry of the plugin: registers the model family <c>llava</c>.</summary>
public sealed class LlavaPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services) => services.AddKeyedSingleton<IModelFamily, LlavaFamily>(LlavaFamily.FamilyName);
}
