using Aperture.Models;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.LlavaHr;

/// <summary>Entry of the plugin: registers LLaVA-HR's encoder of two towers, and the one of its high-resolution tower alone.</summary>
public sealed class LlavaHrPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
    {
        services.AddKeyedSingleton<IVisionEncoderFactory, LlavaHrFactory>(LlavaHrFactory.EncoderName);
        services.AddKeyedSingleton<IVisionEncoderFactory, ConvNextTowerFactory>(ConvNextTowerFactory.EncoderName);
    }
}
