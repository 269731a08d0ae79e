using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Factors on a layer's two branches, one a row, <c>[rows, 1]</c>; null means 1. Owns its tensors.</summary>
internal sealed class BranchScales(Tensor? attention, Tensor? feedForward) : IDisposable
{
    public static BranchScales None { get; } = new(null, null);

    public Tensor? Attention => attention;

    public Tensor? FeedForward => feedForward;

    /// <summary>The branch times a factor; the branch is consumed.</summary>
    public static Tensor Apply(Tensor branch, Tensor? factor)
    {
        if (factor is null)
        {
            return branch;
        }

        using (branch)
        {
            return branch.mul(factor);
        }
    }

    /// <summary>The factors of some rows; this instance stays as it is.</summary>
    public BranchScales Select(Tensor index)
        => ReferenceEquals(this, None) ? this : new(Attention?.index_select(0, index), FeedForward?.index_select(0, index));

    /// <summary>The product of two instances for the same rows; both stay as they are.</summary>
    public BranchScales Times(BranchScales other) => new(Product(Attention, other.Attention), Product(FeedForward, other.FeedForward));

    public void Dispose()
    {
        Attention?.Dispose();
        FeedForward?.Dispose();
    }

    private static Tensor? Product(Tensor? a, Tensor? b) => a is null ? b?.alias() : b is null ? a.alias() : a.mul(b);
}
