namespace Aperture.Generation;

/// <summary>Chooses one token from processed logits.</summary>
internal static class TokenSampler
{
    /// <summary>The most likely token, the first of equals.</summary>
    /// <exception cref="ApertureException">No logit is a number.</exception>
    public static int Greedy(ReadOnlySpan<float> logits)
    {
        int best = -1;
        float largest = float.NegativeInfinity;
        for (int i = 0; i < logits.Length; i++)
        {
            if (logits[i] > largest)
            {
                largest = logits[i];
                best = i;
            }
        }

        return best >= 0 && float.IsFinite(largest) ? best : throw NoNumbers();
    }

    /// <summary>A token drawn by its probability.</summary>
    /// <param name="logits">Processed logits.</param>
    /// <param name="random">Where the draw comes from; one number is taken.</param>
    /// <exception cref="ApertureException">No logit is a number.</exception>
    public static int Draw(ReadOnlySpan<float> logits, RandomStream random)
    {
        float largest = logits[Greedy(logits)];
        double total = 0;
        foreach (float logit in logits)
        {
            // Most tokens are excluded after top-k: no exponential for them.
            total += float.IsNegativeInfinity(logit) ? 0 : Math.Exp(logit - largest);
        }

        if (!double.IsFinite(total))
        {
            throw NoNumbers();
        }

        double left = random.Next() * total;
        int last = -1;
        for (int i = 0; i < logits.Length; i++)
        {
            if (float.IsNegativeInfinity(logits[i]))
            {
                continue;
            }

            last = i;
            left -= Math.Exp(logits[i] - largest);
            if (left < 0)
            {
                break;
            }
        }

        // Rounding may leave a trace of the total over; it belongs to the last token that has a probability.
        return last;
    }

    private static ApertureException NoNumbers()
        => new("The model's logits are not finite numbers; the weights are damaged or the element type is too narrow for them (try float32).");
}
