using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;

namespace Aperture.Requests;

/// <summary>What a prompt's first rows left behind, run now or kept from an earlier prompt. Owns the cache until it is taken.</summary>
/// <param name="cuts">The borders of the forwards that made it.</param>
/// <param name="cache">Keys and values, of one sequence.</param>
/// <param name="layers">By layer the rows that it computed and passed on.</param>
internal sealed class PromptStart(int[] cuts, KvCache cache, int[][] layers) : IDisposable
{
    /// <summary>The borders of the forwards that made it.</summary>
    public int[] Cuts => cuts;

    /// <summary>Its rows.</summary>
    public int Rows => cuts.Length == 0 ? 0 : cuts[^1];

    /// <summary>How many of the rows an earlier prompt had run.</summary>
    public int Kept { get; init; }

    /// <summary>What the forwards that ran now did, one count each.</summary>
    public IReadOnlyList<WorkCounter> Work { get; init; } = [];

    /// <summary>Keys and values, of one sequence; borrowed.</summary>
    public KvCache Cache => cache;

    /// <summary>By layer the rows that it computed and passed on.</summary>
    public int[][] Layers => layers;

    /// <summary>A copy with a cache of its own, up to one of its cuts.</summary>
    /// <param name="forwards">How many of its forwards.</param>
    public PromptStart Copy(int forwards)
    {
        int rows = forwards == 0 ? 0 : cuts[forwards - 1];
        HashSet<long> without = [];
        for (int forward = forwards; forward < cuts.Length; forward++)
        {
            int length = cuts[forward] - (forward == 0 ? 0 : cuts[forward - 1]);
            without.UnionWith(Enumerable.Range(0, length).Select(row => LayerCache.Row(forward, row)));
        }

        return new PromptStart(cuts[..forwards], cache.Copy(without), [.. layers.Select(layer => layer.Where(row => row < rows).ToArray())]) { Kept = rows };
    }

    /// <summary>The whole prompt as each layer computed it and passed it on.</summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="rest">The same of the rows behind the start.</param>
    public IReadOnlyList<SequenceLayout> Whole(SequenceLayout prompt, IReadOnlyList<SequenceLayout> rest)
        => [.. rest.Select((layout, layer) => prompt.Keep([.. layers[layer], .. layout.Original.ToArray().Select(row => row + Rows)]))];

    /// <summary>Disposes the cache.</summary>
    public void Dispose() => cache.Dispose();
}
