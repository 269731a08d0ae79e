using Aperture.Data;

namespace Aperture.Training;

/// <summary>
/// Which samples a step sees: every pass shuffles them, sorts stretches of many batches by length so that a batch's samples are about equally long, and
/// shuffles the batches. Depends on the seed alone, so that any step can be drawn without the steps before it.
/// </summary>
internal sealed class SampleOrder(IReadOnlyList<int> lengths, int batch, long seed)
{
    private const int BatchesSortedTogether = 32;
    private const long FirstStream = 1L << 40;
    private readonly int _batch = Math.Min(batch, lengths.Count);
    private (int Pass, int[][] Batches)? _current;

    /// <summary>The samples of a step.</summary>
    /// <param name="step">The step, from 0.</param>
    public int[] Batch(int step)
    {
        int batches = lengths.Count / _batch, pass = step / batches;
        if (_current is not { } current || current.Pass != pass)
        {
            _current = current = (pass, Draw(pass, batches));
        }

        return current.Batches[step % batches];
    }

    private int[][] Draw(int pass, int batches)
    {
        SeededRandom random = new(seed, FirstStream + pass);
        IEnumerable<int> sorted = random.Draw(lengths.Count, lengths.Count)
            .Chunk(_batch * BatchesSortedTogether)
            .SelectMany(stretch => stretch.OrderByDescending(sample => lengths[sample]));
        int[][] cut = [.. sorted.Chunk(_batch).Take(batches)];
        return [.. random.Draw(cut.Length, cut.Length).Select(index => cut[index])];
    }
}
