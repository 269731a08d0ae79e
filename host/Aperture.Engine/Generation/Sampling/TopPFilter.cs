namespace Aperture.Generation;

/// <summary>
/// Keeps the most likely tokens whose probabilities together reach p: in ascending order, tokens go while what is summed up is at most 1 - p. The most likely
/// one always stays.
/// </summary>
internal sealed class TopPFilter(double p) : ILogitsProcessor
{
    private float[] _values = [];
    private int[] _tokens = [];

    public void Process(Span<float> logits, ReadOnlySpan<int> ids, int generated)
    {
        if (_values.Length < logits.Length)
        {
            _values = new float[logits.Length];
            _tokens = new int[logits.Length];
        }

        int count = 0;
        for (int i = 0; i < logits.Length; i++)
        {
            if (!float.IsNegativeInfinity(logits[i]))
            {
                _values[count] = logits[i];
                _tokens[count++] = i;
            }
        }

        if (count == 0)
        {
            return;
        }

        Array.Sort(_values, _tokens, 0, count);
        float largest = _values[count - 1];
        double total = 0;
        for (int i = 0; i < count; i++)
        {
            total += Math.Exp(_values[i] - largest);
        }

        double sum = 0;
        for (int i = 0; i < count - 1; i++)
        {
            sum += Math.Exp(_values[i] - largest) / total;
            if (sum > 1 - p)
            {
                break;
            }

            logits[_tokens[i]] = float.NegativeInfinity;
        }
    }
}
