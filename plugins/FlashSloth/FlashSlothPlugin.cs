using Aperture.Models;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Family;
using Aperture.Plugins.FlashSloth.Sap;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins.FlashSloth;

/// <summary>Entry of the plugin: registers the model family <c>flashsloth</c> and the methods <c>flashsloth</c>, <c>sap</c> and <c>embq</c>.</summary>
public sealed class FlashSlothPlugin : IAperturePlugin
{
    /// <inheritdoc/>
    public void Register(IServiceCollection services)
        => services
            .AddKeyedSingleton<IModelFamily, FlashSlothFamily>(FlashSlothFamily.FamilyName)
            .AddKeyedSingleton<IMethodFactory, FlashSlothFactory>(FlashSlothFactory.MethodName)
            .AddKeyedSingleton<IMethodFactory, SapFactory>(SapFactory.MethodName)
            .AddKeyedSingleton<IMethodFactory, EmbqFactory>(EmbqFactory.MethodName);
}
