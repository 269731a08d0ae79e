using System.Text.Json;
using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

/// <summary>Leaves its types in System.Text.Json's caches, and throws when its services are disposed.</summary>
public sealed class CachedPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services)
    {
        string json = JsonSerializer.Serialize(new Settings { Rate = 0.5 });
        services.AddKeyedSingleton<IMethodFactory>("cached", (_, _) => new TestMethod("cached", json));
        services.AddSingleton<Grudge>();
        services.AddGrudge();
    }

    public sealed class Settings
    {
        public double Rate { get; set; }
    }
}
