namespace Aperture.Generation;

/// <summary>
/// The best continuations of one prompt's beams: beam, token and sum of log-probabilities, best first; of equals the one of the lower beam and token.
/// </summary>
internal sealed class BeamCandidates(int count)
{
    private readonly (float Score, long Place)[] _heap = new (float, long)[count]; // worst on top
    private int _used;

    public void Clear() => _used = 0;

    /// <summary>Takes a beam's continuations into account.</summary>
    /// <param name="beam">The beam.</param>
    /// <param name="scores">Processed log-probabilities of all tokens.</param>
    /// <param name="sum">The beam's own sum.</param>
    public void Add(int beam, ReadOnlySpan<float> scores, float sum)
    {
        long first = (long)beam * scores.Length;
        for (int token = 0; token < scores.Length; token++)
        {
            float score = scores[token] + sum;
            if (_used < _heap.Length)
            {
                _heap[_used++] = (score, first + token);
                if (_used == _heap.Length)
                {
                    for (int i = (_used / 2) - 1; i >= 0; i--)
                    {
                        Sink(i);
                    }
                }
            }
            else if (score > _heap[0].Score)
            {
                _heap[0] = (score, first + token);
                Sink(0);
            }
        }
    }

    /// <summary>The candidates in rank order.</summary>
    public (float Score, long Place)[] Ranked()
    {
        (float Score, long Place)[] ranked = _heap[.._used];
        Array.Sort(ranked, static (a, b) => a.Score != b.Score ? b.Score.CompareTo(a.Score) : a.Place.CompareTo(b.Place));
        return ranked;
    }

    private static bool Worse((float Score, long Place) a, (float Score, long Place) b) => a.Score < b.Score || (a.Score == b.Score && a.Place > b.Place);

    private void Sink(int at)
    {
        while (true)
        {
            int child = (2 * at) + 1;
            if (child >= _used)
            {
                return;
            }

            if (child + 1 < _used && Worse(_heap[child + 1], _heap[child]))
            {
                child++;
            }

            if (!Worse(_heap[child], _heap[at]))
            {
                return;
            }

            (_heap[at], _heap[child]) = (_heap[child], _heap[at]);
            at = child;
        }
    }
}
