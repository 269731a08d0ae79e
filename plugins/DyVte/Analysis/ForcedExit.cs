using Aperture.Decoding;

namespace Aperture.Plugins.DyVte.Analysis;

/// <summary>Drops all visual rows after one layer of a prompt, whatever they hold: the measure of what later layers still need them for.</summary>
/// <param name="layer">The layer.</param>
internal sealed class ForcedExit(int layer) : ITokenReducer
{
    /// <inheritdoc />
    public string Name => $"exit after layer {layer}";

    /// <inheritdoc />
    public void Declare(IReducerSites sites) => sites.AfterLayer(layer, DecoderPhase.Prefill, needsAttention: false, (context, _, _) => new RowSelection(
        [.. Enumerable.Range(0, context.Samples).Select(sample => RowGroups.WithoutVisual(context.Layout(sample)))]));

    /// <inheritdoc />
    public void Dispose()
    {
    }
}
