using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Tasks;

namespace Aperture.Requests;

/// <summary>
/// Floating-point operations of a request up to its first token: two for each multiply-accumulate, a gated feed-forward network as three matrices, all tokens,
/// the causal half not subtracted.
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
    /// <param name="outcome">What the request gave.</param>
    internal static FlopCount Of(Model model, WorkCounter counter, RequestOutcome outcome)
    {
        DecoderInfo info = model.Decoder.Info;
        WorkCounter[] counts = [counter, .. outcome.Starts.SelectMany(start => start.Work)];
        return new FlopCount(
            2 * outcome.VisionMacs,
            2 * model.Projector.Macs(outcome.ProjectedRows),
            2 * counts.Sum(count => count.DecoderMacs(info)),
            2L * outcome.Prompts.Count * info.HiddenSize * info.VocabularySize,
            2 * counts.Sum(count => count.OwnMacs.Values.Sum()),
            2 * counts.Sum(count => count.FastVMacs(info)));
    }
}
