using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Search;

/// <summary>Takes the likeliest word at each step. What follows the end is decoded as well, as in the official code, and means nothing.</summary>
internal static class GreedySearch
{
    /// <summary>Searches.</summary>
    /// <param name="models">The models with their pictures; borrowed.</param>
    /// <param name="steps">Words at most.</param>
    /// <param name="heard">Gets each step's number and its log-probabilities <c>[B, vocabulary]</c>, borrowed; null for nobody.</param>
    /// <returns>
    /// One caption a picture; tensors in the caller's dispose scope. The log-probability of the end itself counts, where the official code drops it.
    /// </returns>
    /// <exception cref="ApertureException">The number is out of range.</exception>
    public static SearchResult Run(CaptionEnsemble models, int steps, Action<int, Tensor>? heard = null)
    {
        BeamSearch.CheckRange(models, 1, steps);
        using DisposeScope scope = NewDisposeScope();
        Tensor last = full(models.Pictures, models.Config.Special.Begin, dtype: ScalarType.Int64, device: models.Device); // [B]
        Tensor alive = ones(models.Pictures, device: models.Device);
        List<Tensor> ids = [], chosen = [];
        for (int step = 0; step < steps; step++)
        {
            Tensor next = models.Step(last); // [B, vocabulary]
            heard?.Invoke(step, next);
            last = next.argmax(-1);
            ids.Add(last);
            chosen.Add(next.gather(1, last.unsqueeze(-1)).squeeze(-1).mul(alive));
            alive = alive.mul(last.ne(models.Config.Special.End).to_type(ScalarType.Float32));
        }

        Tensor spoken = stack(chosen, -1).unsqueeze(1); // [B, 1, steps]
        return new SearchResult(
            stack(ids, -1).unsqueeze(1).MoveToOuterDisposeScope(), spoken.MoveToOuterDisposeScope(), spoken.sum(-1).MoveToOuterDisposeScope(), steps);
    }
}
