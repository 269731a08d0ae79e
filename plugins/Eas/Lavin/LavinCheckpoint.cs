using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>
/// A LaVIN's adapter file, told by its modality embedding. One with adapters that stand in for attention was trained by EAS, whose routers read otherwise than
/// LaVIN's.
/// </summary>
internal sealed class LavinCheckpoint
{
    private const string Mark = "adapter_modality_embedding.weight", Replacement = ".replaced_adapter.";
    private readonly IWeightSource _source;
    private readonly bool _eas;

    private LavinCheckpoint(IWeightSource source)
    {
        _source = source;
        _eas = source.Names.Any(name => name.Contains(Replacement, StringComparison.Ordinal));
    }

    /// <summary>What the decoder's routers read.</summary>
    public TokenQuery Query => _eas ? TokenQuery.MeanSkipFirst : TokenQuery.Token0;

    /// <summary>A checkpoint as a LaVIN's; null where it is none.</summary>
    /// <param name="source">The checkpoint; borrowed.</param>
    public static LavinCheckpoint? Of(IWeightSource? source) => source?.Contains(Mark) == true ? new LavinCheckpoint(source) : null;

    /// <summary>Loads the adapters in the vision tower.</summary>
    /// <param name="shape">Scale, temperature, groups, and what routers read.</param>
    /// <returns>The caller disposes them; null where the file has none.</returns>
    /// <exception cref="ApertureException">A block's adapter is missing or has another shape.</exception>
    public VisionAdapters? LoadVision(AdapterShape shape)
        => VisionAdapters.Load(_source, shape, shape.VisionRouter ?? (_eas ? VisionRouterMode.Eas : VisionRouterMode.Lavin));

    /// <summary>
    /// The adapters as a training goes on with them. With skipped layers that is EAS's training, whose routers read as EAS's do, whatever the file was; without
    /// any it is LaVIN's own.
    /// </summary>
    /// <param name="decoder">The decoder.</param>
    /// <param name="shape">Scale, temperature, groups.</param>
    /// <param name="skipped">Skipped layers; null gives every layer both adapters, for a search.</param>
    /// <param name="generator">Draws the weights of adapters that the file does not have; borrowed.</param>
    /// <returns>The caller disposes them.</returns>
    /// <exception cref="ApertureException">The file's adapters are not this decoder's.</exception>
    public EasAdapters ForTraining(DecoderInfo decoder, AdapterShape shape, IReadOnlySet<int>? skipped, Generator generator)
    {
        bool eas = skipped is not { Count: 0 };
        EasAdapters adapters = EasAdapters.Load(
            _source, decoder, shape with { VisionRouter = eas ? VisionRouterMode.Eas : VisionRouterMode.Lavin }, "the adapter file");
        adapters.Query = eas ? TokenQuery.MeanSkipFirst : TokenQuery.Token0;
        adapters.Fit(decoder, shape, skipped, generator);
        return adapters;
    }
}
