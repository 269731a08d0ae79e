using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins;

/// <summary>
/// The one entry type of a plugin assembly: public, with a parameterless constructor. The host gives it a service collection of the plugin's own and builds a
/// child provider from it; the provider is disposed when the plugin unloads, after every object that the host has asked the plugin for. Services that its
/// objects share must be safe for several threads. Three things pin a plugin in memory for ever and must not be used in it: reflection-based JSON (use source
/// generation), Newtonsoft.Json, and <c>TypeDescriptor</c>.
/// </summary>
public interface IAperturePlugin
{
    /// <summary>
    /// Registers the plugin's services. Methods are registered as <see cref="IMethodFactory"/>, commands as <see cref="IPluginCommand"/>, keyed by their names.
    /// </summary>
    /// <param name="services">The plugin's own collection.</param>
    void Register(IServiceCollection services);
}
