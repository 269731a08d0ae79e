using Aperture.Plugins.DyVte.Analysis;
using Aperture.Plugins.DyVte.FastV;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.DyVte;

/// <summary>Entry of the plugin: registers the methods <c>dyvte</c> and <c>fastv</c>, which the paper combines, and the command <c>analyze</c>.</summary>
public sealed class DyVtePlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services
            .AddKeyedSingleton<IMethodFactory, DyVteFactory>(DyVteFactory.MethodName)
            .AddKeyedSingleton<IMethodFactory, FastVFactory>(FastVFactory.MethodName)
            .AddKeyedSingleton<IPluginCommand, AnalyzeCommand>(AnalyzeCommand.Verb);
}
