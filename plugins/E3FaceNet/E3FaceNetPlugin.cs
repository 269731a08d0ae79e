using Aperture.Plugins.E3FaceNet.Commands;
using Aperture.Tasks;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.E3FaceNet;

/// <summary>
/// Entry of the plugin: registers the face generator <c>e3-facenet</c> and the commands <c>face-import</c>, <c>face-mesh</c>,
/// <c>face-score</c> and <c>face-start</c>.
/// </summary>
public sealed class E3FaceNetPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services
            .AddKeyedSingleton<ITaskFactory, FaceFactory>(FaceFactory.GeneratorName)
            .AddKeyedSingleton<IPluginCommand, FaceImportCommand>(FaceImportCommand.Verb)
            .AddKeyedSingleton<IPluginCommand, FaceMeshCommand>(FaceMeshCommand.Verb)
            .AddKeyedSingleton<IPluginCommand, FaceScoreCommand>(FaceScoreCommand.Verb)
            .AddKeyedSingleton<IPluginCommand, FaceStartCommand>(FaceStartCommand.Verb);
}
