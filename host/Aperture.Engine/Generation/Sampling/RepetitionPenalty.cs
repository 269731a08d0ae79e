namespace Aperture.Generation;

/// <summary>Makes tokens that were seen less likely: their logits are divided by the penalty if positive, multiplied if negative.</summary>
internal sealed class RepetitionPenalty(float penalty) : ILogitsProcessor
{
    private int[] _changedIn = [];
    private int _call;

    public void Process(Span<float> logits, ReadOnlySpan<int> ids, int generated)
    {
        if (_changedIn.Length < logits.Length)
        {
            _changedIn = new int[logits.Length];
            _call = 0;
        }

        _call++;
        foreach (int id in ids)
        {
            // Ids outside the vocabulary stand for images; a token counts once however often it was seen.
            if ((uint)id < (uint)logits.Length && _changedIn[id] != _call)
            {
                _changedIn[id] = _call;
                logits[id] = logits[id] < 0 ? logits[id] * penalty : logits[id] / penalty;
            }
        }
    }
}
