using System.Reflection;
using Aperture.Decoding;

namespace Aperture.Host.Tests.Plugins;

/// <summary>Sites of a decoder that accept every declaration and keep none.</summary>
public class AnySites : DispatchProxy
{
    public static IReducerSites Reducer => Create<IReducerSites, AnySites>();

    public static IRouterSites Router => Create<IRouterSites, AnySites>();

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args) =>
        targetMethod!.ReturnType == typeof(DecoderInfo) ? PluginSandbox.Decoder
        : targetMethod.ReturnType.IsValueType && targetMethod.ReturnType != typeof(void) ? Activator.CreateInstance(targetMethod.ReturnType)
        : null;
}
