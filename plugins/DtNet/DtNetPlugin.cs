using Aperture.Models;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Training;
using Aperture.Tasks;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.DtNet;

/// <summary>Entry of the plugin: registers the captioner <c>dtnet</c>, its encoder <c>dtnet-grid</c> and the commands <c>karpathy</c> and
/// <c>caption-start</c>.</summary>
public sealed class DtNetPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services
            .AddKeyedSingleton<ITaskFactory, DtNetFactory>(DtNetFactory.CaptionerName)
            .AddKeyedSingleton<IVisionEncoderFactory, RoutedEncoderFactory>(RoutedEncoderFactory.EncoderName)
            .AddKeyedSingleton<IPluginCommand, KarpathyCommand>(KarpathyCommand.Verb)
            .AddKeyedSingleton<IPluginCommand, CaptionStartCommand>(CaptionStartCommand.Verb);
}
