using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Models;

namespace Aperture.Measuring;

/// <summary>
/// Floating-point operations of a request up to its first token: two for each multiply-accumulate, SwiGLU as three matrices, all tokens, the causal half not subtracted.
/// </summary>
/// <param name="Vision">The vision tower's blocks that run, and its patch embedding.</param>
/// <param name="Projector">The projector.</param>
/// <param name="Decoder">The decoder's layers.</param>
/// <param name="Head">The output matrix, for one row.</param>
/// <param name="Method">What methods compute themselves.</param>
/// <param name="FastV">The decoder's layers by FastV's simplified formula, for comparison with papers.</param>
public sealed record FlopCount(long Vision, long Projector, long Decoder, long Head, long Method, long FastV)
{
    /// <summary>All stages.</summary>
    public long Total => Vision + Projector + Decoder + Head + Method;

    /// <summary>Counts a request.</summary>
    /// <param name="model">The model.</param>
    /// <param name="counter">What the decoder did.</param>
    /// <param name="images">Pictures encoded.</param>
    /// <param name="projectedTokens">Rows through the projector.</param>
    public static FlopCount Of(VisionLanguageModel model, WorkCounter counter, int images, int projectedTokens)
    {
        DecoderInfo info = model.Decoder.Info;
        return new FlopCount(
            2 * images * model.TowerMacs,
            2 * model.ProjectorMacs(projectedTokens),
            2 * counter.DecoderMacs(info),
            2L * info.HiddenSize * info.VocabularySize,
            2 * counter.OwnMacs.Values.Sum(),
            2 * counter.FastVMacs(info));
    }

    /// <summary>Multiply-accumulates of one picture through a CLIP tower's loaded blocks.</summary>
    internal static long TowerMacs(ClipVisionTower tower)
    {
        ClipVisionConfig config = tower.Config;
        long patches = (long)config.Grid * config.Grid, n = patches + 1, d = config.HiddenSize, m = config.IntermediateSize;
        long block = (4 * n * d * d) + (2 * n * n * d) + (2 * n * d * m);
        return (tower.Weights.Blocks.Count * block) + (patches * 3 * config.PatchSize * config.PatchSize * d);
    }
}
