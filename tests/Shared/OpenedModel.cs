using Aperture.Hub;
using Aperture.Models;
using Aperture.Plugins;

namespace Aperture.Tests;

/// <summary>A model opened from its folder as users open it: through the plugin of its family, built beside the tests. Owns model and plugins.</summary>
internal sealed class OpenedModel : IDisposable
{
    private readonly PluginHost _plugins = new(PluginCatalog.Read());

    /// <summary>Opens a folder in float32 with one thread, unless options say otherwise.</summary>
    public OpenedModel(string folder, ModelOptions? options = null)
        => Model = new ModelOpener(_plugins, new HubCache(HubSettings.FromEnvironment()))
            .Open(folder, options ?? new ModelOptions { Type = "float32", Threads = 1 }, CancellationToken.None);

    public Model Model { get; }

    public void Dispose()
    {
        Model.Dispose();
        _plugins.DisposeAsync().AsTask().GetAwaiter().GetResult();
    }
}
