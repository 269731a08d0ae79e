using Aperture.Plugins;
using Aperture.Tasks;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

/// <summary>Three architectures: two classifiers of brightness that one file may be of, and a segmenter of a folder.</summary>
public sealed class TasksPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services)
    {
        services.AddKeyedSingleton<ITaskFactory>("shade", (_, _) => new ShadeFactory("shade", "shade.scale"));
        services.AddKeyedSingleton<ITaskFactory>("twin", (_, _) => new ShadeFactory("twin", "twin.scale"));
        services.AddKeyedSingleton<ITaskFactory, StencilFactory>("stencil");
    }
}
