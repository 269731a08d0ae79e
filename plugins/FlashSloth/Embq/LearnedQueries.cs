using Aperture.Decoding;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Embq;

/// <summary>The learned query rows. Owns its tensor.</summary>
/// <param name="rows">Rows <c>[Q, H]</c>; owned.</param>
internal sealed class LearnedQueries(Tensor rows) : INamedWeights
{
    /// <summary>The published name.</summary>
    public const string Published = "model.learnable_tokens.token";

    /// <summary>Rows <c>[Q, H]</c>; borrowed.</summary>
    public Tensor Rows => rows;

    /// <inheritdoc/>
    public IEnumerable<(string Name, Tensor Tensor)> Named => [(Published, rows)];

    /// <summary>Loads the rows.</summary>
    /// <param name="source">A checkpoint, or parameters of a training.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <exception cref="ApertureException">They are missing, or of another width.</exception>
    public static LearnedQueries Load(IWeightSource source, WeightPolicy policy)
        => source.Describe(Published).Shape is [> 0 and long queries, > 0 and long width]
            ? new LearnedQueries(policy.Vector(source, Published, queries, width))
            : throw new ApertureException($"{Published} must be rows of queries [queries, width]; check that it is FlashSloth's.");

    public void Dispose() => rows.Dispose();
}
