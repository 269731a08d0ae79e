using Aperture.Decoding;
using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.TestPlugins;

/// <summary>A service that cannot be disposed in peace.</summary>
public sealed class Grudge : IDisposable
{
    public void Dispose() => throw new InvalidOperationException("still busy");
}

internal sealed class GrudgingMethod(Grudge grudge) : IMethodFactory
{
    public string Name => "grudging";

    public string Summary => $"holds a {grudge.GetType().Name}";

    public IReadOnlyList<MethodOption> Options => [];

    public IDecoderMethod Create(System.Text.Json.JsonElement options, DecoderInfo decoder, IMethodFiles files) => new TestReducer(Name, decoder.HiddenSize);
}

internal static class GrudgeRegistration
{
    public static void AddGrudge(this IServiceCollection services) => services.AddKeyedSingleton<IMethodFactory, GrudgingMethod>("grudging");
}
