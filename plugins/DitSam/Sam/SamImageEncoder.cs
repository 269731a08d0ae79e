using Aperture.Decoding;
using Aperture.Sequences;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>Patches of pictures, from which encodings with different sentences start. Owns its tensor.</summary>
/// <param name="Patches"><c>[B, patches, d]</c>.</param>
/// <param name="Grid">Their grid.</param>
internal sealed record EmbeddedPicture(Tensor Patches, VisualGrid Grid) : IDisposable
{
    public void Dispose() => Patches.Dispose();
}

/// <summary>SAM's image encoder: the transformer and the neck behind it. Owns its weights.</summary>
internal sealed class SamImageEncoder : IDisposable
{
    private readonly Ops? _own;
    private readonly SamNeck _neck;
    private readonly WeightLoader _loader;

    /// <summary>Loads the encoder.</summary>
    /// <param name="source">The checkpoint; must outlive the encoder, whose memory it may be.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="everywhere">Whether all blocks attend everywhere, whatever windows the tables are for.</param>
    /// <param name="policy">Where it runs, and the type the transformer computes in.</param>
    public SamImageEncoder(IWeightSource source, SamConfig config, bool everywhere, WeightPolicy policy)
    {
        _own = policy.Ops is null ? new Ops(policy.Device, policy.Compute) : null;
        _loader = new WeightLoader(source, new WeightPolicy(policy.Device, ScalarType.Float32, ScalarType.Float32));
        try
        {
            _neck = new SamNeck(_loader, config.Vision.HiddenSize, config.PromptWidth);
            VisionTransformerWeights weights = VisionTransformerWeights.Load(
                source, SamKeys.Encoder, SamVision.Keys, config.Vision, policy, config.Vision.Layers, postNorm: false);
            Tower = new VisionTransformer(everywhere ? config.Vision with { WindowSize = 0 } : config.Vision, weights, policy.Ops ?? _own!);
        }
        catch
        {
            _loader.Dispose();
            _own?.Dispose();
            throw;
        }
    }

    /// <summary>The transformer.</summary>
    public VisionTransformer Tower { get; }

    /// <summary>The patches of pictures.</summary>
    /// <param name="pixels">Normalised pixels <c>[B, 3, side, side]</c>; borrowed.</param>
    /// <returns>The caller disposes it.</returns>
    public EmbeddedPicture Embed(Tensor pixels)
    {
        (Tensor patches, VisualGrid grid) = Tower.EmbedPixels(pixels);
        return new EmbeddedPicture(patches, grid);
    }

    /// <summary>Encodes pictures.</summary>
    /// <param name="picture">Their patches; borrowed.</param>
    /// <param name="request">Callbacks, hidden states, gradients.</param>
    /// <param name="seen">What each block sees beside the picture; borrowed. Empty for nothing.</param>
    /// <param name="cancellation">Checked between blocks.</param>
    /// <returns>The image embedding <c>[B, P, h, w]</c> in float32 and the multiply-accumulates of one picture; the caller disposes the tensor.</returns>
    public (Tensor Embedding, long Macs) Run(
        EmbeddedPicture picture, VisionRequest request, IReadOnlyList<VisionSeenRows> seen, CancellationToken cancellation)
    {
        using VisionRun run = Tower.RunSeeing(picture.Patches, picture.Grid, request with { HiddenStates = NoStates }, seen, cancellation);
        VisionState last = run.States[run.Blocks];
        if (last.Rows.size(1) != picture.Grid.Count)
        {
            throw new ApertureException(
                $"SAM's neck needs all {picture.Grid.Count} places of the picture in order, but a callback left {last.Rows.size(1)} rows; drop none.");
        }

        return (_neck.Run(last.Rows, picture.Grid.Rows, picture.Grid.Columns), run.Macs + (_neck.MacsOfPlace * picture.Grid.Count));
    }

    public void Dispose()
    {
        Tower.Dispose();
        _loader.Dispose();
        _own?.Dispose();
    }

    private static HashSet<int> NoStates { get; } = [];
}
