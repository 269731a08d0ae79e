using Aperture.Models;
using Aperture.Plugins.Eas.Lavin;
using Aperture.Plugins.Eas.Meter;
using Aperture.Tasks;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.Eas;

/// <summary>Entry of the plugin: registers the method <c>eas</c>, the model family <c>lavin</c> and the classifier <c>meter</c>.</summary>
public sealed class EasPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services
            .AddKeyedSingleton<IMethodFactory, EasFactory>(EasFactory.MethodName)
            .AddKeyedSingleton<IModelFamily, LavinFamily>(LavinFamily.FamilyName)
            .AddKeyedSingleton<ITaskFactory, MeterFactory>(MeterFactory.ClassifierName);
}
