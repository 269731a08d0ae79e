using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Masks for the cases that the causal flag does not cover: sliding windows, and several rows on a live cache.</summary>
internal sealed class AttentionMasks(Device device)
{
    /// <summary>The mask of one sequence, or null where none is needed.</summary>
    /// <param name="queries">Position ids of the query rows.</param>
    /// <param name="keys">Position ids of the keys; the last ones are the queries' own.</param>
    /// <param name="before">Keys that were cached before.</param>
    /// <param name="window">Positions back that a row sees; 0 means all.</param>
    /// <returns>Boolean <c>[rows, keys]</c>, true where visible; the caller disposes it.</returns>
    public Tensor? For(ReadOnlySpan<int> queries, ReadOnlySpan<int> keys, int before, int window)
    {
        bool windowed = window > 0 && queries.Length > 0 && queries[^1] - keys[0] >= window;
        if (!windowed && (before == 0 || queries.Length == 1))
        {
            return null;
        }

        bool[] visible = new bool[queries.Length * keys.Length];
        for (int row = 0; row < queries.Length; row++)
        {
            int first = FirstVisible(queries[row], keys, window);
            Array.Fill(visible, true, (row * keys.Length) + first, before + row + 1 - first);
        }

        return tensor(visible, [queries.Length, keys.Length], device: device);
    }

    /// <summary>The first key inside a row's window.</summary>
    public static int FirstVisible(int position, ReadOnlySpan<int> keys, int window)
    {
        int first = 0;
        while (window > 0 && first < keys.Length && keys[first] <= position - window)
        {
            first++;
        }

        return first;
    }
}
