using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Measuring;

namespace Aperture.Engine.Tests.Measuring;

/// <summary>The counter against figures of papers and of the published shapes.</summary>
public sealed class LayerRowsTests
{
    private static readonly DecoderInfo _llava = ModelShape.Find("llava-1.5-7b").Info;

    [Theory]
    [InlineData(636, 4224.776)]
    [InlineData(671, 4463.428)]
    public void A_dense_prefill_of_the_7b_shape_counts_as_worked_out_by_hand(int rows, double gigaMacs)
        => Assert.Equal(gigaMacs, _llava.Layers * LayerRows.Full(rows).Macs(_llava) / 1e9, 3);

    [Theory]
    [InlineData(800, 0, 10.697)]
    [InlineData(800, 0.31, 7.733)]
    [InlineData(800, 0.564, 5.337)]
    [InlineData(1400, 0, 19.160)]
    [InlineData(1400, 0.379, 12.590)]
    [InlineData(1400, 0.577, 9.265)]
    public void Gamma_mod_s_table_is_met_with_four_dense_layers(int rows, double skip, double teraFlops)
    {
        long macs = (4 * LayerRows.Full(rows).Macs(_llava)) + (28 * LayerRows.Full((int)(rows * (1 - skip))).Macs(_llava));

        Assert.Equal(teraFlops, 2 * macs / 1e12, 3);
    }

    [Fact]
    public void A_layer_without_attention_counts_its_feed_forward_network_alone()
        => Assert.Equal(3L * 100 * 4096 * 11008, new LayerRows(0, 0, 100).Macs(_llava));
}
