using System.Text.Json;
using Aperture.Decoding;

namespace Aperture.Plugins.Eas;

/// <summary>Makes EAS routers.</summary>
internal sealed class EasFactory : IMethodFactory
{
    public const string MethodName = "eas";

    public string Name => MethodName;

    public string Summary => "Leaves out attention sub-layers that a task does not need and puts adapters in their place (EAS, arXiv 2403.15226).";

    public IReadOnlyList<MethodOption> Options => [];

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
        => throw new ApertureException($"{MethodName}: there are no adapters for {decoder.Model} yet.");
}
