using Aperture.Generation;
using Aperture.Pipelines;
using CsCheck;

namespace Aperture.Engine.Tests.Generation;

public sealed class SamplingTests
{
    private static readonly Gen<float[]> _logits = Gen.Float[-8, 8].Array[2, 60];

    [Fact]
    public void Top_k_keeps_the_k_largest_and_what_equals_the_last_of_them() => Gen.Select(_logits, Gen.Int[1, 70]).Sample((logits, k) =>
    {
        float[] processed = [.. logits];
        new TopKFilter(k).Process(processed, [], 0);
        float threshold = logits.OrderDescending().Take(k).Last();

        return processed.Zip(logits).All(pair => pair.First == (pair.Second >= threshold ? pair.Second : float.NegativeInfinity));
    });

    [Fact]
    public void Top_p_keeps_the_fewest_tokens_that_reach_p() => Gen.Select(_logits, Gen.Double[0.01, 0.99]).Sample((logits, p) =>
    {
        float[] processed = [.. logits];
        new TopPFilter(p).Process(processed, [], 0);
        double total = logits.Sum(l => Math.Exp(l));
        float[] kept = [.. processed.Where(float.IsFinite).Order()];
        double mass = kept.Sum(l => Math.Exp(l)) / total, withoutLast = mass - (Math.Exp(kept[0]) / total);

        return mass >= p - 1e-9 && (kept.Length == 1 || withoutLast <= p + 1e-9) && kept[^1] == logits.Max();
    });

    [Fact]
    public void A_seen_token_is_penalised_once_and_unknown_ids_are_passed_over()
    {
        float[] logits = [2, -2, 3, 1];

        new RepetitionPenalty(2).Process(logits, [0, 1, 0, -200, 99], 0);

        Assert.Equal([1, -4, 3, 1], logits);
    }

    [Fact]
    public void No_run_of_tokens_repeats()
    {
        float[] logits = [1, 1, 1, 1, 1];

        new NoRepeatedNgram(3).Process(logits, [1, 2, 3, 1, 2, 4, 1, 2], 0);

        Assert.Equal([1, 1, 1, float.NegativeInfinity, float.NegativeInfinity], logits);
    }

    [Fact]
    public void An_n_gram_of_one_excludes_every_seen_token()
    {
        float[] logits = [1, 1, 1];

        new NoRepeatedNgram(1).Process(logits, [0, 2], 0);

        Assert.Equal([float.NegativeInfinity, 1, float.NegativeInfinity], logits);
    }

    [Fact]
    public void Draws_follow_the_probabilities()
    {
        float[] logits = [MathF.Log(0.5f), float.NegativeInfinity, MathF.Log(0.3f), MathF.Log(0.2f)];
        RandomStream random = new(seed: 5, stream: 0);
        int[] counts = new int[4];

        for (int i = 0; i < 20000; i++)
        {
            counts[TokenSampler.Draw(logits, random)]++;
        }

        Assert.Equal(0, counts[1]);
        Assert.Equal(0.5, counts[0] / 20000.0, 0.02);
        Assert.Equal(0.3, counts[2] / 20000.0, 0.02);
    }

    [Fact]
    public void Streams_of_one_seed_differ_and_repeat()
    {
        double[] Numbers(ulong seed, int stream)
        {
            RandomStream random = new(seed, stream);
            return [random.Next(), random.Next(), random.Next()];
        }

        Assert.Equal(Numbers(3, 1), Numbers(3, 1));
        Assert.NotEqual(Numbers(3, 1), Numbers(3, 2));
        Assert.NotEqual(Numbers(3, 1), Numbers(4, 1));
    }

    [Fact]
    public void The_first_of_equal_logits_is_taken() => Assert.Equal(1, TokenSampler.Greedy([0, 7, 7, 3]));

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    [InlineData(float.PositiveInfinity)]
    public void Logits_that_are_no_numbers_are_refused(float value)
        => Assert.Contains("not finite", Assert.Throws<ApertureException>(() => TokenSampler.Greedy([value, value])).Message, StringComparison.Ordinal);

    [Fact]
    public void Candidates_are_the_best_of_all_beams_in_rank_order() => Gen.Select(_logits, Gen.Int[1, 9]).Sample((scores, count) =>
    {
        int used = Math.Min(count, 2 * scores.Length);
        BeamCandidates candidates = new(used);
        candidates.Clear();
        candidates.Add(0, scores, 0);
        candidates.Add(1, scores, -0.5f);
        (float Score, long Place)[] all = [.. scores.Select((s, i) => (s, (long)i)), .. scores.Select((s, i) => (s - 0.5f, (long)(i + scores.Length)))];

        return candidates.Ranked().SequenceEqual(all.OrderByDescending(c => c.Score).ThenBy(c => c.Place).Take(used));
    });
}
