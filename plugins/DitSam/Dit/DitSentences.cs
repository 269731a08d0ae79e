using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>Sentences that were read: what of them does not depend on a picture. Owns its tensors.</summary>
/// <param name="Rows">As wide as the image encoder <c>[B, L, d]</c>.</param>
/// <param name="Prompts">As the mask decoder takes them <c>[B, L, P]</c>.</param>
/// <param name="Seen">Keys and values for each block where rows are fixed; empty otherwise.</param>
internal sealed record DitSentences(Tensor Rows, Tensor Prompts, IReadOnlyList<VisionSeenRows> Seen) : IDisposable
{
    /// <summary>Rows of each sentence.</summary>
    public int Length => (int)Rows.size(1);

    public void Dispose()
    {
        Rows.Dispose();
        Prompts.Dispose();
        foreach (VisionSeenRows seen in Seen)
        {
            seen.Dispose();
        }
    }

    /// <summary>Takes the tensors out of the present dispose scope.</summary>
    public DitSentences Kept()
    {
        foreach (Tensor tensor in Seen.SelectMany(seen => new[] { seen.Keys, seen.Values }).Append(Rows).Append(Prompts))
        {
            tensor.DetachFromDisposeScope();
        }

        return this;
    }
}
