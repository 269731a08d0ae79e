using Aperture.Measuring;

namespace Aperture.Generation;

/// <summary>The finished hypotheses of one prompt: at most as many as beams, the worst gives way.</summary>
internal sealed class BeamHypotheses(GenerationOptions options)
{
    private readonly List<(float Score, int[] Tokens, FinishReason Finish)> _hypotheses = [];
    private float _worst = 1e9f;

    /// <summary>Adds a hypothesis if it is good enough.</summary>
    /// <param name="tokens">New tokens without an end-of-sequence token.</param>
    /// <param name="sum">Sum of log-probabilities.</param>
    /// <param name="length">Generated length, an end-of-sequence token included.</param>
    /// <param name="finish">Why it ended.</param>
    public void Add(ReadOnlySpan<int> tokens, float sum, int length, FinishReason finish)
    {
        float score = Score(sum, length);
        if (_hypotheses.Count >= options.Beams && score <= _worst)
        {
            return;
        }

        _hypotheses.Add((score, tokens.ToArray(), finish));
        if (_hypotheses.Count <= options.Beams)
        {
            _worst = Math.Min(_worst, score);
            return;
        }

        int lowest = 0;
        for (int i = 1; i < _hypotheses.Count; i++)
        {
            lowest = _hypotheses[i].Score < _hypotheses[lowest].Score ? i : lowest;
        }

        _hypotheses.RemoveAt(lowest);
        _worst = _hypotheses.Min(h => h.Score);
    }

    /// <summary>Whether the search for this prompt is over.</summary>
    /// <param name="best">The best sum of log-probabilities of this step's candidates.</param>
    /// <param name="length">Generated length after this step.</param>
    public bool IsDone(float best, int length)
    {
        if (_hypotheses.Count < options.Beams)
        {
            return false;
        }

        return options.EarlyStopping switch
        {
            BeamStopping.Full => true,
            BeamStopping.Impossible when options.LengthPenalty > 0 => _worst >= Score(best, options.MaxNewTokens),
            _ => _worst >= Score(best, length),
        };
    }

    /// <summary>The best hypotheses, best first.</summary>
    public IEnumerable<(float Score, int[] Tokens, FinishReason Finish)> Best(int count)
    {
        // Of equal scores the one added last comes first, as in the reference, which pops from an ascending stable sort.
        return _hypotheses.OrderBy(h => h.Score).Reverse().Take(count);
    }

    private float Score(float sum, int length) => (float)(sum / Math.Pow(length, options.LengthPenalty));
}
