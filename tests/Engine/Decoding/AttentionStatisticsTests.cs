using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

[Collection(DecodingCollection.Name)]
public sealed class AttentionStatisticsTests
{
    [Theory]
    [InlineData(HeadReduction.Max, 0, 5, false)]
    [InlineData(HeadReduction.Mean, 0, 5, false)]
    [InlineData(HeadReduction.Max, 4, 5, false)]
    [InlineData(HeadReduction.Mean, 0, 300, false)]
    [InlineData(HeadReduction.Max, 0, 300, true)]
    [InlineData(HeadReduction.Mean, 4, 5, true)]
    public void Column_sums_are_the_sums_of_the_reduced_rows(HeadReduction reduction, int window, int rows, bool differentiable)
    {
        using SmallDecoder small = new(SmallDecoder.ConfigOf(window: window));
        int[][] groups = [[0, rows - 1], [.. Enumerable.Range(1, rows - 2)], [rows - 1], []];
        int calls = 0;
        HookTable table = small.Table(new ProbeReducer("reader", sites => sites.AfterAttention(1, DecoderPhase.All, (context, statistics) =>
        {
            using DisposeScope scope = NewDisposeScope();
            for (int sample = 0; sample < context.Samples; sample++)
            {
                Tensor map = Map(statistics, sample, rows);
                Tensor reduced = reduction == HeadReduction.Max ? map.amax([0]) : map.mean([0]);
                Tensor expected = stack(
                    [
                        .. groups.Select(
                            group => group.Length == 0 ? zeros(rows) : reduced.index_select(0, tensor([.. group.Select(row => (long)row)])).sum([0L])),
                    ], 0);
                Near.Equal(expected, statistics.ColumnSums(sample, reduction, groups), 1e-5);
                Near.Equal(ones(map.shape[0], rows), map.sum(-1), 1e-5);
                calls++;
            }

            return null;
        })));

        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(rows), SmallDecoder.LayoutOf(rows)];
        if (differentiable)
        {
            using Decoder training = small.Decoder.ForTraining();
            using RequestContext request = small.Begin(layouts, table, cached: false);
            using ForwardState state = training.Begin(request, DecoderPhase.Train, layouts);
            training.Run(state, training.Embed(SmallDecoder.Ids(2 * rows)), CancellationToken.None).Dispose();
        }
        else
        {
            small.Prefill(layouts, SmallDecoder.Ids(2 * rows), table).Dispose();
        }

        Assert.Equal(2, calls);
    }

    [Fact]
    public void While_decoding_the_columns_are_the_cached_rows()
    {
        using SmallDecoder small = new();
        long columns = 0;
        HookTable table = small.Table(new ProbeReducer("reader", sites => sites.AfterAttention(0, DecoderPhase.Decode, (_, statistics) =>
        {
            using Tensor sums = statistics.ColumnSums(0, HeadReduction.Mean, [[0]]);
            columns = sums.size(1);
            Near.Equal(ones(1), sums.sum(1), 1e-5);
            return null;
        })));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(6)];

        using RequestContext request = small.Begin(layouts, table);
        small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(6)).Dispose();
        small.Continue(request, DecoderPhase.Decode, [1]).Dispose();

        Assert.Equal(7, columns);
    }

    private static Tensor Map(IAttentionStatistics statistics, int sample, int rows)
    {
        List<Tensor> blocks = [];
        statistics.RowBlocks(sample, [.. Enumerable.Range(0, rows)], (_, probabilities) => blocks.Add(probabilities.clone()));
        return cat(blocks, 1);
    }
}
