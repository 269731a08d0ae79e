using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

internal sealed class HiddenPlugin : IAperturePlugin
{
    public void Register(IServiceCollection services)
    {
    }
}

public sealed class ArguingPlugin(int number) : IAperturePlugin
{
    public void Register(IServiceCollection services) => ArgumentOutOfRangeException.ThrowIfNegative(number);
}

public abstract class UnfinishedPlugin : IAperturePlugin
{
    public abstract void Register(IServiceCollection services);
}
