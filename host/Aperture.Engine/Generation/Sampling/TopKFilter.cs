namespace Aperture.Generation;

/// <summary>Excludes all tokens below the k-th largest logit; tokens equal to it stay.</summary>
internal sealed class TopKFilter(int k) : ILogitsProcessor
{
    private readonly PriorityQueue<float, float> _largest = new();

    public void Process(Span<float> logits, ReadOnlySpan<int> ids, int generated)
    {
        if (k >= logits.Length)
        {
            return;
        }

        _largest.Clear();
        for (int i = 0; i < k; i++)
        {
            _largest.Enqueue(logits[i], logits[i]);
        }

        float threshold = _largest.Peek();
        for (int i = k; i < logits.Length; i++)
        {
            if (logits[i] > threshold)
            {
                _largest.EnqueueDequeue(logits[i], logits[i]);
                threshold = _largest.Peek();
            }
        }

        foreach (ref float logit in logits)
        {
            logit = logit < threshold ? float.NegativeInfinity : logit;
        }
    }
}
