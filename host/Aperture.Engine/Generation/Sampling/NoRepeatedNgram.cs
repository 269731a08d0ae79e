namespace Aperture.Generation;

/// <summary>Excludes every token that would repeat a run of <paramref name="size"/> tokens.</summary>
internal sealed class NoRepeatedNgram(int size) : ILogitsProcessor
{
    public void Process(Span<float> logits, ReadOnlySpan<int> ids, int generated)
    {
        if (ids.Length + 1 < size)
        {
            return;
        }

        ReadOnlySpan<int> last = ids[(ids.Length - size + 1)..];
        for (int from = 0; from + size <= ids.Length; from++)
        {
            int next = ids[from + size - 1];
            if ((uint)next < (uint)logits.Length && ids.Slice(from, size - 1).SequenceEqual(last))
            {
                logits[next] = float.NegativeInfinity;
            }
        }
    }
}
