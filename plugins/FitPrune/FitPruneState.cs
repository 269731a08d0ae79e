using Aperture.Decoding;

namespace Aperture.Plugins.FitPrune;

/// <summary>Per sequence the recipe scaled to its visual tokens, and the forward it was scaled for.</summary>
internal sealed class FitPruneState(int samples) : ISequenceState
{
    /// <summary><see cref="IRequestContext.Step"/> of the forward that <see cref="Delete"/> belongs to.</summary>
    public int[] Step { get; private set; } = new int[samples];

    /// <summary>Deletions per layer.</summary>
    public int[][] Delete { get; private set; } = new int[samples][];

    public void Select(ReadOnlySpan<int> indices)
    {
        int[] steps = new int[indices.Length];
        int[][] deletes = new int[indices.Length][];
        for (int i = 0; i < indices.Length; i++)
        {
            steps[i] = Step[indices[i]];
            deletes[i] = Delete[indices[i]];
        }

        Step = steps;
        Delete = deletes;
    }

    public void Dispose()
    {
    }
}
