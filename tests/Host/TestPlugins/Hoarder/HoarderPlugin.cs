using System.ComponentModel;
using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

/// <summary>Leaves one of its types in TypeDescriptor's caches, which nothing clears.</summary>
public sealed class HoarderPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services)
    {
        TypeConverter converter = TypeDescriptor.GetConverter(typeof(HoarderPlugin));
        services.AddKeyedSingleton<IMethodFactory>("hoarder", (_, _) => new TestMethod("hoarder", converter.GetType().Name));
    }
}
