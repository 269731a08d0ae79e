using Aperture.Plugins.InstDiffEdit.Benchmark;
using Aperture.Plugins.InstDiffEdit.Training;
using Aperture.Tasks;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.InstDiffEdit;

/// <summary>Entry of the plugin: registers the image editor <c>instdiffedit</c> and the commands <c>edit-benchmark</c> and <c>diffusion-start</c>.</summary>
public sealed class InstDiffEditPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services
            .AddKeyedSingleton<ITaskFactory, EditorFactory>(EditorFactory.EditorName)
            .AddKeyedSingleton<IPluginCommand, EditBenchmarkCommand>(EditBenchmarkCommand.Verb)
            .AddKeyedSingleton<IPluginCommand, DiffusionStartCommand>(DiffusionStartCommand.Verb);
}
