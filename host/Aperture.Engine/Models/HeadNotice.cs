using Aperture.Decoding;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>Tells where a checkpoint's output matrix is not what its configuration says.</summary>
internal static class HeadNotice
{
    private const string Head = "lm_head", Table = "model.embed_tokens.weight";

    /// <summary>Looks at a checkpoint's output matrix.</summary>
    /// <param name="parts">The model's parts.</param>
    /// <param name="opening">Gets the line.</param>
    /// <param name="where">The checkpoint's folder.</param>
    public static void Tell(ModelParts parts, ModelOpening opening, string where)
    {
        IWeightSource weights = CanonicalWeights.Of(parts.Weights, "model.", Head, parts.Decoder);
        bool stored = weights.Contains(Head + ".weight");
        if (!parts.Decoder.TiedEmbeddings && !stored)
        {
            opening.Tell(
                $"'{where}' has no output matrix ({Head}.weight), although its configuration does not tie it to the embedding table (tie_word_embeddings); the "
                + "table takes its place, and answers are wrong if the matrix was lost.");
        }
        else if (parts.Decoder.TiedEmbeddings && stored && !AreEqual(weights))
        {
            opening.Tell(
                $"'{where}' holds an output matrix ({Head}.weight) of its own, but its configuration ties it to the embedding table (tie_word_embeddings); the "
                + "table is used, and the matrix left out.");
        }
    }

    private static bool AreEqual(IWeightSource weights)
    {
        WeightInfo head = weights.Describe(Head + ".weight"), table = weights.Describe(Table);
        if (head.ScalarType != table.ScalarType || !head.Shape.AsSpan().SequenceEqual(table.Shape))
        {
            return false;
        }

        using Tensor left = weights.Load(Head + ".weight"), right = weights.Load(Table);
        return left.Equals(right);
    }
}
