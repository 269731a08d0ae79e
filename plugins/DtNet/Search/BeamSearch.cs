using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Search;

/// <summary>
/// Beam search as the Meshed-Memory line of captioners has it: all beams of all pictures advance together, a beam that has ended keeps its score with word 0
/// and cannot go on otherwise, scores are plain sums. Differentiable where the models train: the words' log-probabilities are gathered from the decoder's.
/// </summary>
internal static class BeamSearch
{
    private const float Impossible = -999;

    /// <summary>Searches.</summary>
    /// <param name="models">The models with their pictures; borrowed.</param>
    /// <param name="beams">Beams, 1 to the size of the vocabulary.</param>
    /// <param name="steps">Words at most, the end among them; below the rows of the position table.</param>
    /// <returns>All beams, the best first; tensors in the caller's dispose scope.</returns>
    /// <exception cref="ApertureException">A number is out of range.</exception>
    public static SearchResult Run(CaptionEnsemble models, int beams, int steps)
    {
        CheckRange(models, beams, steps);
        using DisposeScope scope = NewDisposeScope();
        (long pictures, long words) = (models.Pictures, models.Config.Vocabulary);
        Device device = models.Device;
        Tensor last = full(pictures, models.Config.Special.Begin, dtype: ScalarType.Int64, device: device); // [B * beams so far]
        Tensor scores = zeros(pictures, 1, device: device), alive = ones(pictures, 1, device: device); // [B, beams so far]
        Tensor ids = empty([pictures, beams, 0], dtype: ScalarType.Int64, device: device), chosen = empty([pictures, beams, 0], device: device);
        Tensor firsts = arange(pictures, dtype: ScalarType.Int64, device: device).mul(beams).unsqueeze(1); // [B, 1], the first beam of each picture
        int step = 0;
        for (; step < steps; step++)
        {
            long now = step == 0 ? 1 : beams;
            if (step > 0)
            {
                alive = alive.mul(last.view(pictures, beams).ne(models.Config.Special.End).to_type(ScalarType.Float32));
                if (!alive.any().item<bool>())
                {
                    break; // nothing can change any more
                }
            }

            using DisposeScope inner = NewDisposeScope();
            Tensor next = models.Step(last).view(pictures, now, words);
            Tensor candidates = scores.unsqueeze(-1).add(next.detach());
            if (step > 0)
            {
                Tensor going = alive.unsqueeze(-1);
                next = next.mul(going);
                Tensor ended = cat([scores.unsqueeze(-1), full(pictures, beams, words - 1, Impossible, device: device)], -1);
                candidates = candidates.mul(going).add(ended.mul(going.neg().add(1)));
            }

            (Tensor best, Tensor places) = candidates.view(pictures, -1).topk(beams, dim: 1); // [B, beams * words] -> [B, beams]
            Tensor beam = places.div(words, RoundingMode.floor), word = places.sub(beam.mul(words));
            Tensor rows = step == 0
                ? arange(pictures, dtype: ScalarType.Int64, device: device).repeat_interleave(beams)
                : beam.add(firsts).flatten(); // [B * beams]
            models.Select(rows);
            Tensor spoken = next.reshape(pictures, now * words).gather(1, beam.mul(words).add(word)).unsqueeze(-1); // [B, beams, 1]
            Tensor again = beam.unsqueeze(-1).expand(pictures, beams, step);
            Tensor nextIds = cat([step == 0 ? ids : ids.gather(1, again), word.unsqueeze(-1)], -1); // [B, beams, step + 1]
            Tensor nextChosen = cat([step == 0 ? chosen : chosen.gather(1, again), spoken], -1);
            Tensor nextAlive = step == 0 ? ones(pictures, beams, device: device) : alive.gather(1, beam);
            Replace(ref ids, nextIds);
            Replace(ref chosen, nextChosen);
            Replace(ref alive, nextAlive);
            Replace(ref scores, best);
            Replace(ref last, word.flatten());
        }

        Tensor silent = zeros(pictures, beams, steps - step, device: device);
        return new SearchResult(
            cat([ids, silent.to_type(ScalarType.Int64)], -1).MoveToOuterDisposeScope(), cat([chosen, silent], -1).MoveToOuterDisposeScope(),
            scores.MoveToOuterDisposeScope(), step);
    }

    /// <summary>Refuses numbers that a model cannot search with.</summary>
    internal static void CheckRange(CaptionEnsemble models, int beams, int steps)
    {
        if (beams < 1 || beams > models.Config.Vocabulary)
        {
            throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: {beams} beams; give 1 to {models.Config.Vocabulary}, the number of words that the checkpoint knows.");
        }

        if (steps < 1 || steps > models.Config.LongestCaption)
        {
            throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: captions of {steps} tokens; give 1 to {models.Config.LongestCaption}, where the checkpoint's position table "
                + "ends.");
        }
    }

    private static void Replace(ref Tensor kept, Tensor next)
    {
        kept.Dispose();
        kept = next.MoveToOuterDisposeScope();
    }
}
