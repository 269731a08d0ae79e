using Aperture.Decoding;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>A SAM: image encoder, prompt encoder, mask decoder. The last two compute in float32. Owns its weights.</summary>
internal sealed class SamModel : IDisposable
{
    private readonly WeightLoader _loader;

    /// <summary>Loads a SAM.</summary>
    /// <param name="source">The checkpoint under SAM's published names; must outlive the model, whose memory it may be.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="everywhere">Whether all blocks of the encoder attend everywhere.</param>
    /// <param name="policy">Where it runs, and the type the image encoder computes in.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public SamModel(IWeightSource source, SamConfig config, bool everywhere, WeightPolicy policy)
    {
        Config = config;
        _loader = new WeightLoader(source, policy with { Compute = ScalarType.Float32, Storage = ScalarType.Float32 });
        try
        {
            Prompts = new PromptEncoder(_loader, config);
            Decoder = new MaskDecoder(_loader, source, config);
            Encoder = new SamImageEncoder(source, config, everywhere, policy);
        }
        catch
        {
            _loader.Dispose();
            throw;
        }
    }

    /// <summary>Sizes.</summary>
    public SamConfig Config { get; }

    /// <summary>The image encoder.</summary>
    public SamImageEncoder Encoder { get; }

    /// <summary>The prompt encoder.</summary>
    public PromptEncoder Prompts { get; }

    /// <summary>The mask decoder.</summary>
    public MaskDecoder Decoder { get; }

    /// <summary>Encodes pictures without a sentence.</summary>
    /// <param name="pixels">Normalised pixels <c>[B, 3, side, side]</c>; borrowed.</param>
    /// <param name="cancellation">Checked between blocks.</param>
    /// <returns><c>[B, P, h, w]</c> in float32 and the multiply-accumulates of one picture; the caller disposes the tensor.</returns>
    public (Tensor Embedding, long Macs) Encode(Tensor pixels, CancellationToken cancellation)
    {
        using EmbeddedPicture picture = Encoder.Embed(pixels);
        return Encoder.Run(picture, VisionRequest.Plain, [], cancellation);
    }

    /// <summary>Decodes masks on an image embedding.</summary>
    /// <param name="embedding"><c>[1 or B, P, h, w]</c>; borrowed.</param>
    /// <param name="sparse">Prompts as tokens <c>[B, S, P]</c>; borrowed.</param>
    /// <param name="dense">A mask prompt <c>[1 or B, P, h, w]</c>; borrowed. Null for none.</param>
    /// <param name="allReadings">Whether to give every reading of a prompt instead of the single mask.</param>
    /// <param name="queries">Shown the tokens behind the transformer, borrowed; null for nobody.</param>
    /// <returns>The caller disposes it.</returns>
    public DecodedMasks Decode(Tensor embedding, Tensor sparse, Tensor? dense, bool allReadings, Action<Tensor>? queries = null)
    {
        using Tensor positions = Prompts.Grid((int)embedding.size(2), (int)embedding.size(3));
        using Tensor nothing = Prompts.NoMask;
        return Decoder.Run(embedding, positions, sparse, dense ?? nothing, allReadings, queries);
    }

    /// <summary>Logits of a decoder in the size of the picture (<c>postprocess_masks</c>): to the square, cut, to the picture.</summary>
    /// <param name="logits"><c>[B, masks, 4 h, 4 w]</c>; borrowed.</param>
    /// <param name="frame">Where the picture lies.</param>
    /// <returns><c>[B, masks, height, width]</c>; the caller disposes it.</returns>
    public static Tensor ToPicture(Tensor logits, Frame frame)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor square = Resized(logits, frame.Side, frame.Side); // [B, masks, 4 h, 4 w] -> [B, masks, side, side]
        return Resized(frame.Inner(square), frame.Height, frame.Width).MoveToOuterDisposeScope(); // -> [B, masks, height, width]
    }

    public void Dispose()
    {
        Encoder.Dispose();
        _loader.Dispose();
    }

    private static Tensor Resized(Tensor map, long height, long width)
        => F.interpolate(map, [height, width], mode: InterpolationMode.Bilinear, align_corners: false, antialias: false);
}
