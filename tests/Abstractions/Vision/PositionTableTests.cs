using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Vision;

/// <summary>Position tables for other grids.</summary>
[Collection("tensors")]
public sealed class PositionTableTests
{
    [Fact]
    public void A_table_for_its_own_grid_is_itself()
    {
        using Tensor table = randn(10, 4);

        using Tensor same = PositionTable.Resample(table, 1, new VisualGrid(3, 3), PositionResampling.BicubicAntialiased);

        Assert.True(same.equal(table).all().item<bool>());
    }

    [Fact]
    public void Rows_in_front_stay_and_the_two_ways_differ()
    {
        using Tensor table = randn(10, 4);

        using Tensor plain = PositionTable.Resample(table, 1, new VisualGrid(4, 5), PositionResampling.Bicubic);
        using Tensor smooth = PositionTable.Resample(table, 1, new VisualGrid(4, 5), PositionResampling.BicubicAntialiased);

        Assert.Equal([21L, 4L], plain.shape);
        using Tensor kept = plain.narrow(0, 0, 1), front = table.narrow(0, 0, 1);
        Assert.True(kept.equal(front).all().item<bool>());
        Assert.False(plain.allclose(smooth, 1e-3, 1e-3));
    }

    [Fact]
    public void A_constant_table_stays_constant()
    {
        using Tensor table = full([9L, 2L], 0.25f);
        foreach (PositionResampling resampling in Enum.GetValues<PositionResampling>())
        {
            using Tensor resampled = PositionTable.Resample(table, 0, new VisualGrid(7, 2), resampling), difference = resampled.sub(0.25).abs().max();
            Assert.InRange(difference.item<float>(), 0, 1e-6);
        }
    }
}
