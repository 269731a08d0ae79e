using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Attention probabilities of one layer, recomputed on demand from its queries and keys, a block of query rows at a time.</summary>
internal sealed class AttentionStatistics : IAttentionStatistics
{
    private const int RowsPerBlock = 128;
    private readonly Attention _attention;
    private readonly Ops _ops;
    private readonly Tensor _queries; // [rows, heads, head], packed
    private readonly int[] _offsets;
    private readonly Func<int, SampleKeys> _keysOf;
    private readonly int _heads;

    /// <param name="attention">The layer's attention.</param>
    /// <param name="ops">Operations.</param>
    /// <param name="queries">Packed queries after RoPE; borrowed.</param>
    /// <param name="offsets">First packed row of each sample when attention ran.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="keysOf">Keys of a sample.</param>
    public AttentionStatistics(Attention attention, Ops ops, Tensor queries, int[] offsets, int heads, Func<int, SampleKeys> keysOf)
    {
        _attention = attention;
        _ops = ops;
        _queries = queries;
        _offsets = offsets;
        _heads = heads;
        _keysOf = keysOf;
    }

    public Tensor ColumnSums(int sample, HeadReduction reduction, IReadOnlyList<int[]> groups)
    {
        SampleKeys keys = _keysOf(sample);
        Tensor sums = zeros(groups.Count, keys.Count, dtype: ScalarType.Float32, device: _queries.device);
        foreach (int[] rows in Blocks([.. groups.SelectMany(g => g).Distinct().Order()]))
        {
            if (_ops.HasManagedKernels && groups.Count <= 31)
            {
                AddBlock(sample, reduction, groups, keys, rows, sums);
            }
            else
            {
                AddBlockByTorch(sample, reduction, groups, keys, rows, sums);
            }
        }

        return sums;
    }

    public void RowBlocks(int sample, int[] rows, Action<int[], Tensor> block)
    {
        SampleKeys keys = _keysOf(sample);
        foreach (int[] part in Blocks(rows))
        {
            using Tensor probabilities = Probabilities(sample, keys, part);
            block(part, probabilities);
        }
    }

    private static IEnumerable<int[]> Blocks(int[] rows)
    {
        for (int from = 0; from < rows.Length; from += RowsPerBlock)
        {
            yield return rows[from..Math.Min(rows.Length, from + RowsPerBlock)];
        }
    }

    private void AddBlock(int sample, HeadReduction reduction, IReadOnlyList<int[]> groups, SampleKeys keys, int[] rows, Tensor sums)
    {
        int[] visible = [.. rows.Select(row => keys.Visible(row))];
        int[] first = [.. rows.Select(row => keys.First(row))];
        int[] groupOf = new int[rows.Length];
        for (int group = 0; group < groups.Count; group++)
        {
            foreach (int row in groups[group])
            {
                int at = Array.BinarySearch(rows, row);
                if (at >= 0)
                {
                    groupOf[at] |= 1 << group;
                }
            }
        }

        // Keys that no row of the block sees are not multiplied.
        int seen = visible.Max();
        using Tensor logits = Logits(sample, keys, rows, seen);
        _ops.AddHeadReducedColumnSums(
            logits, visible, first, groupOf, sums, (_heads, seen, keys.Count, groups.Count), (float)_attention.Scale, reduction == HeadReduction.Max);
    }

    private void AddBlockByTorch(int sample, HeadReduction reduction, IReadOnlyList<int[]> groups, SampleKeys keys, int[] rows, Tensor sums)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor probabilities = Probabilities(sample, keys, rows);
        Tensor reduced = reduction == HeadReduction.Max ? probabilities.amax([0]) : probabilities.mean([0]); // [rows, keys]
        for (int group = 0; group < groups.Count; group++)
        {
            long[] members = [.. groups[group].Select(row => (long)Array.BinarySearch(rows, row)).Where(at => at >= 0)];
            if (members.Length > 0)
            {
                sums[group].add_(reduced.index_select(0, tensor(members, device: _queries.device)).sum([0L]));
            }
        }
    }

    private Tensor Probabilities(int sample, SampleKeys keys, int[] rows)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor logits = Logits(sample, keys, rows, keys.Count).to_type(ScalarType.Float32).mul(_attention.Scale);
        bool[] hidden = new bool[rows.Length * keys.Count];
        for (int i = 0; i < rows.Length; i++)
        {
            int first = keys.First(rows[i]), visible = keys.Visible(rows[i]);
            for (int key = 0; key < keys.Count; key++)
            {
                hidden[(i * keys.Count) + key] = key < first || key >= visible;
            }
        }

        Tensor mask = tensor(hidden, [rows.Length, keys.Count], device: _queries.device);
        return logits.masked_fill(mask, float.NegativeInfinity).softmax(-1).MoveToOuterDisposeScope();
    }

    private Tensor Logits(int sample, SampleKeys keys, int[] rows, int seen)
    {
        using DisposeScope scope = NewDisposeScope();
        int offset = _offsets[sample];
        bool consecutive = rows[^1] - rows[0] == rows.Length - 1;
        Tensor queries = consecutive
            ? _queries.narrow(0, offset + rows[0], rows.Length)
            : _queries.index_select(0, tensor([.. rows.Select(row => (long)(offset + row))], device: _queries.device));
        return _attention.Logits(queries, keys.Keys.narrow(1, 0, seen), rows.Length, seen).MoveToOuterDisposeScope();
    }
}

/// <summary>The keys of one sample in a layer, and which of them a query row sees.</summary>
/// <param name="Keys"><c>[kv heads, keys, head]</c>, borrowed.</param>
/// <param name="Count">Number of keys.</param>
/// <param name="Visible">For a query row the number of leading keys it may see.</param>
/// <param name="First">For a query row the first key inside its window; 0 without a window.</param>
internal sealed record SampleKeys(Tensor Keys, int Count, Func<int, int> Visible, Func<int, int> First);
