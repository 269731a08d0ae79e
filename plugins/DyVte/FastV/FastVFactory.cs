using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Plugins.DyVte.FastV;

/// <summary>Makes FastV reducers.</summary>
internal sealed class FastVFactory : IMethodFactory
{
    public const string MethodName = "fastv";

    public string Name => MethodName;

    public string Summary
        => "Keeps the visual tokens that the last prompt token attends to most, after one early layer (FastV, arXiv 2403.06764, as DyVTE combines with it).";

    public string Paper
        => "An Image is Worth 1/2 Tokens After Layer 2: Plug-and-Play Inference Acceleration for Large Vision-Language Models (arXiv 2403.06764)";

    public IReadOnlyList<MethodOption> Options => FastVOptions.Describe();

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
    {
        FastVOptions bound = MethodOptions.Bind(MethodName, options, OptionsJson.Default.FastVOptions);
        return bound.Layer < decoder.Layers
            ? new FastVReducer(bound)
            : throw FastVOptions.Error($"Layer is {bound.Layer}, but {decoder.Model} has layers 0 to {decoder.Layers - 1}");
    }
}
