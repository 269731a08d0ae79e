using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>A recorded batch of padded rows, which runs here ragged: only real rows are run and compared.</summary>
internal sealed class PaddedBatch
{
    private readonly long[][] _real; // per sample: the columns that are not padding

    /// <param name="golden">The case.</param>
    /// <param name="positions">
    /// Position ids, <c>[samples, columns]</c> or <c>[axes, samples, columns]</c>; null takes those of the case's inputs, or none.
    /// </param>
    public PaddedBatch(GoldenCase golden, Tensor? positions = null)
    {
        Ids = Rows(golden.Get("in.input_ids"));
        int columns = Ids[0].Length;
        int[][] mask = golden.Has("in.attention_mask") ? Rows(golden.Get("in.attention_mask")) : [.. Ids.Select(_ => Enumerable.Repeat(1, columns).ToArray())];
        _real = [.. mask.Select(row => Enumerable.Range(0, columns).Where(column => row[column] != 0).Select(column => (long)column).ToArray())];
        positions ??= golden.Has("in.position_ids") ? golden.Get("in.position_ids") : null;
        int[][]? given = positions is null ? null : Rows(positions); // [axes * samples, columns]
        Layouts = [.. _real.Select((real, sample) => LayoutOf(real, given?.Where((_, row) => row % Ids.Length == sample).ToArray()))];
        PackedIds = [.. _real.SelectMany((real, sample) => real.Select(column => Ids[sample][column]))];
    }

    /// <summary>Ids of all columns, padding included.</summary>
    public int[][] Ids { get; }

    /// <summary>Ids of the real rows, packed.</summary>
    public int[] PackedIds { get; }

    /// <summary>Ids of the real rows of each sample.</summary>
    public int[][] RealIds => [.. _real.Select((real, sample) => real.Select(column => Ids[sample][column]).ToArray())];

    public IReadOnlyList<SequenceLayout> Layouts { get; }

    public int Samples => Ids.Length;

    /// <summary>The real rows of a recorded tensor <c>[samples, columns, …]</c>, packed: <c>[rows, …]</c>; the caller disposes them.</summary>
    public Tensor Pack(Tensor recorded)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        return cat([.. _real.Select((real, sample) => recorded[sample].index_select(0, tensor(real)))], 0).MoveToOuterDisposeScope();
    }

    /// <summary>The recorded tensor <c>[samples, columns, …]</c> with its real rows replaced by the packed ones given.</summary>
    public Tensor Fill(Tensor recorded, Tensor packed)
    {
        Tensor filled = recorded.clone();
        long next = 0;
        for (int sample = 0; sample < Samples; sample++)
        {
            using Tensor rows = packed.narrow(0, next, _real[sample].Length);
            using Tensor target = filled[sample];
            using Tensor columns = tensor(_real[sample]);
            target.index_copy_(0, columns, rows);
            next += _real[sample].Length;
        }

        return filled;
    }

    /// <summary>
    /// The recorded tensor <c>[samples, heads, columns, …]</c> with one sample's real columns replaced, in every dimension of that size from the third on.
    /// </summary>
    public void FillHeads(Tensor target, int sample, Tensor heads)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        Tensor own = target[sample], columns = tensor(_real[sample]);
        if (heads.shape[2] == _real[sample].Length && own.shape[1] == own.shape[2])
        {
            Tensor rows = own.index_select(1, columns);
            rows.index_copy_(2, columns, heads);
            own.index_copy_(1, columns, rows);
        }
        else
        {
            own.index_copy_(1, columns, heads);
        }
    }

    private static SequenceLayout LayoutOf(long[] real, int[][]? axes)
    {
        SequenceLayout layout = SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Text, real.Length)]);
        return axes is null ? layout : layout.WithPositions([.. axes.Select(axis => real.Select(column => axis[column]).ToArray())]);
    }

    public static int[][] Rows(Tensor ids)
    {
        long[] flat = ids.to(ScalarType.Int64).data<long>().ToArray();
        int width = (int)ids.shape[^1];
        return [.. flat.Chunk(width).Select(row => row.Select(id => checked((int)id)).ToArray())];
    }
}
