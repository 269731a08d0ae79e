namespace Aperture.Generation;

/// <summary>Excludes the end-of-sequence tokens until enough tokens were generated.</summary>
internal sealed class MinimumLength(int minimum, int[] endOfSequence) : ILogitsProcessor
{
    public void Process(Span<float> logits, ReadOnlySpan<int> ids, int generated)
    {
        if (generated >= minimum)
        {
            return;
        }

        foreach (int id in endOfSequence)
        {
            if (id < logits.Length)
            {
                logits[id] = float.NegativeInfinity;
            }
        }
    }
}
