using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Refer;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Tasks;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.DitSam;

/// <summary>Entry of the plugin: registers the segmenters <c>segment-anything</c> and <c>dit-sam</c>, and the command <c>refcoco</c>.</summary>
public sealed class DitSamPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services
            .AddKeyedSingleton<ITaskFactory, SamFactory>(SamFactory.SegmenterName)
            .AddKeyedSingleton<ITaskFactory, DitFactory>(DitFactory.SegmenterName)
            .AddKeyedSingleton<IPluginCommand, ReferCommand>(ReferCommand.Verb);
}
