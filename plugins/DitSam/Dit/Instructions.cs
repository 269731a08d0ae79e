using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>What a sentence's rows are before each block of the image encoder (DIT, arXiv 2404.00650, section 3). Borrows its tensors.</summary>
internal sealed class Instructions
{
    private readonly DitConfig _config;
    private readonly Matrix? _width;
    private readonly Matrix[] _projections = [];
    private readonly Tensor? _tokens;

    /// <summary>Loads a variant's tensors.</summary>
    public Instructions(WeightLoader loader, DitConfig config)
    {
        _config = config;
        int d = config.Sam.Vision.HiddenSize, blocks = config.Sam.Vision.Layers;
        _width = config.ProjectsWidth ? loader.Linear(DitKeys.WidthProjection, d, config.Text.HiddenSize) : null;
        switch (config.Variant)
        {
            case DitVariant.LayerWise or DitVariant.EndToEnd:
                _projections = [.. Enumerable.Range(0, blocks).Select(block => loader.Linear($"{DitKeys.Projections}.{block}", d, d))];
                break;
            case DitVariant.TokenLayerWise:
                _tokens = loader.Tensor(DitKeys.Tokens, blocks, config.TokenRows, d);
                break;
            case DitVariant.EndToEndToken:
                _projections = [loader.Linear(DitKeys.Projections, d, d)];
                _tokens = loader.Tensor(DitKeys.Tokens, blocks - 1, config.TokenRows, d);
                break;
        }
    }

    /// <summary>Whether a sentence enters the image encoder at all.</summary>
    public bool Enters => _config.Variant != DitVariant.Default;

    /// <summary>
    /// Whether the rows before every block follow from the sentence alone, not from what blocks made of them: nothing then reads what a block makes of them,
    /// and their keys and values are all of them that a block needs.
    /// </summary>
    public bool AreFixed => _config.Variant is DitVariant.LayerWise or DitVariant.TokenLayerWise;

    /// <summary>The sentence as wide as the image encoder.</summary>
    /// <param name="text">From the text encoder <c>[B, L, dt]</c>; borrowed.</param>
    /// <returns><c>[B, L, d]</c>; the caller disposes it.</returns>
    public Tensor Widen(Tensor text) => _width?.Apply(text) ?? text.alias();

    /// <summary>The sentence's rows before a block.</summary>
    /// <param name="block">The block.</param>
    /// <param name="sentence">From <see cref="Widen"/> <c>[B, L, d]</c>; borrowed.</param>
    /// <param name="previous">What the block before made of them <c>[B, L, d]</c>; borrowed. Not read for the first block, nor where rows are fixed.</param>
    /// <param name="dropout">Probability of dropping a projected value; 0 outside training.</param>
    /// <returns><c>[B, L, d]</c>; the caller disposes it.</returns>
    public Tensor Rows(int block, Tensor sentence, Tensor? previous, double dropout)
    {
        Tensor came = block == 0 || AreFixed ? sentence : previous!;
        switch (_config.Variant)
        {
            case DitVariant.TokenLayerWise:
                return came.add(_tokens![block]); // [B, L, d] + [L, d]
            case DitVariant.EndToEndToken when block > 0:
                return came.add(_tokens![block - 1]);
            case DitVariant.EndToEnd when block > 0 && _config.Mode == EndToEndMode.Paper:
                return came.alias();
            default:
                Tensor projected = _projections[_projections.Length == 1 ? 0 : block].Apply(came);
                if (dropout == 0)
                {
                    return projected;
                }

                using (projected)
                {
                    return F.dropout(projected, dropout);
                }
        }
    }
}
