namespace Aperture.Plugins.Eas.Search;

/// <summary>
/// The k-armed bandit that finds redundant attention: an arm is an attention sub-layer, its score S says how well the model does without it. Sets of arms are
/// drawn by the probabilities π of their scores; a set that left a batch's loss ℓ low, compared with the other sets, lifts its arms: <c>S += η (R - mean R) π
/// (1 - π)</c> with <c>R = exp(-ℓ)</c>.
/// </summary>
internal sealed class RedundancySearch
{
    private readonly SearchRule _rule;
    private readonly double[] _scores;

    /// <param name="rule">The rule of the base.</param>
    /// <param name="arms">Number of arms.</param>
    /// <exception cref="ApertureException">There are not enough sets of K arms, or K does not leave an arm out.</exception>
    public RedundancySearch(SearchRule rule, int arms)
    {
        if (rule.Skipped < 1 || rule.Skipped >= arms)
        {
            throw EasAdapters.Error($"SkipCount is {rule.Skipped}; give 1 to {arms - 1}: of {arms} attention sub-layers some must stay");
        }

        if (rule.Sets < 2)
        {
            throw EasAdapters.Error($"Sets is {rule.Sets}; give 2 or more, because a set is judged by comparison with others");
        }

        if (rule.Every < 1 || !(rule.Rate > 0) || !double.IsFinite(rule.Rate))
        {
            throw EasAdapters.Error($"Every is {rule.Every} and ScoreRate {rule.Rate}; give 1 or more, and a number above 0");
        }

        double distinct = 1; // binomial coefficient, which only rises up to half of the arms
        for (int i = 0; i < Math.Min(rule.Skipped, arms - rule.Skipped) && distinct < rule.Sets; i++)
        {
            distinct = distinct * (arms - i) / (i + 1);
        }

        if (distinct < rule.Sets)
        {
            throw EasAdapters.Error($"Sets is {rule.Sets}, but there are fewer different sets of {rule.Skipped} out of {arms} sub-layers; give fewer Sets");
        }

        _rule = rule;
        _scores = new double[arms];
    }

    /// <summary>S.</summary>
    public Span<double> Scores => _scores;

    /// <summary>π, in (0, 1).</summary>
    public double[] Probabilities() => _rule.Probability switch
    {
        ArmProbability.Softmax10 => Softmax(10),
        _ => [.. _scores.Select(score => 1 / (1 + Math.Exp(-score)))],
    };

    /// <summary>How many arms a training step leaves out: LLaVA-EAS begins with few and reaches K at half of the warm-up.</summary>
    /// <param name="step">The step, from 1.</param>
    public int CountAt(int step)
        => _rule.Ramp && _rule.WarmUp > 0 ? (int)Math.Min(_rule.Skipped, (2L * _rule.Skipped * step / _rule.WarmUp) + 1) : _rule.Skipped;

    /// <summary>Whether sets are evaluated in a step: every T steps from the warm-up's end on.</summary>
    /// <param name="step">The step, from 1.</param>
    public bool EvaluatesAt(int step)
    {
        int first = Math.Max(_rule.Every, _rule.WarmUp);
        return step >= first && (step - first) % _rule.Every == 0;
    }

    /// <summary>The arms that a training step leaves out.</summary>
    public int[] DrawStep(IArmSampler sampler, int step) => sampler.Draw(Probabilities(), CountAt(step));

    /// <summary>J different sets, each ascending; a set that was drawn before is drawn again.</summary>
    public int[][] DrawSets(IArmSampler sampler)
    {
        double[] probabilities = Probabilities();
        List<int[]> sets = [];
        while (sets.Count < _rule.Sets)
        {
            int[] drawn = [.. sampler.Draw(probabilities, _rule.Skipped).Order()];
            if (!sets.Exists(set => set.SequenceEqual(drawn)))
            {
                sets.Add(drawn);
            }
        }

        return [.. sets];
    }

    /// <summary>Moves the scores by what the sets' losses say.</summary>
    /// <param name="sets">Sets of arms.</param>
    /// <param name="losses">The mean loss of each.</param>
    public void Update(IReadOnlyList<int[]> sets, IReadOnlyList<double> losses)
    {
        double[] probabilities = Probabilities(), rewards = [.. losses.Select(loss => Math.Exp(-loss))];
        double baseline = rewards.Average();
        for (int set = 0; set < sets.Count; set++)
        {
            foreach (int arm in sets[set])
            {
                double p = probabilities[arm];
                _scores[arm] += _rule.Rate * (rewards[set] - baseline) * p * (1 - p);
            }
        }
    }

    /// <summary>The best arms, the best first.</summary>
    /// <param name="count">How many.</param>
    public int[] Best(int count) => SearchResult.Best(_scores, count);

    private double[] Softmax(double sharpness)
    {
        double largest = _scores.Max();
        double[] powers = [.. _scores.Select(score => Math.Exp(sharpness * (score - largest)))];
        double sum = powers.Sum();
        return [.. powers.Select(power => power / sum)];
    }
}
