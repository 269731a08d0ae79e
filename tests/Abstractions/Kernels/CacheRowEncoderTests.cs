using Aperture.Decoding;
using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Kernels;

/// <summary>Keys and values in eight bits: how far a row is off, and what becomes of rows that no code can say.</summary>
public sealed class CacheRowEncoderTests
{
    [Theory]
    [InlineData(ScalarType.Float32, 1)]
    [InlineData(ScalarType.Float32, 7)]
    [InlineData(ScalarType.Float32, 33)]
    [InlineData(ScalarType.BFloat16, 64)]
    [InlineData(ScalarType.BFloat16, 100)]
    public void Every_row_of_a_head_is_off_by_half_a_step_of_its_own_at_most(ScalarType type, int head)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor sizes = tensor([1e-6f, 1e-3f, 1f, 50f, 1e6f, 1e20f]).view(6, 1, 1);
        Tensor packed = randn(6, 3, head).mul(sizes).to_type(type);
        Tensor rows = packed.transpose(0, 1); // [rows, kv heads, head] -> [kv heads, rows, head], as a forward brings them
        (Tensor codes, Tensor scales) = Encoded(rows);

        Tensor wide = rows.to_type(ScalarType.Float64), factors = scales.to_type(ScalarType.Float64).unsqueeze(-1);
        Tensor off = wide.sub(codes.to_type(ScalarType.Float64).mul(factors)).abs(), limit = factors.mul(0.5 * (1 + 1e-5));

        Assert.True(off.le(limit).all().item<bool>());
        Assert.True(wide.abs().amax([-1]).sub(scales.to_type(ScalarType.Float64).mul(127)).abs().le(wide.abs().amax([-1]).mul(1e-6)).all().item<bool>());
        Assert.True(codes.to_type(ScalarType.Int32).abs().amax([-1]).eq(127).all().item<bool>(), "A row does not use its largest code.");
    }

    [Fact]
    public void Rows_of_zeros_and_rows_with_what_is_no_number_are_told_by_their_scale()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = ones(2, 5, 20);
        rows[0, 0].zero_();
        rows[0, 1, 3] = float.NaN;
        rows[0, 2, 19] = float.PositiveInfinity;
        rows[1, 3, 0] = float.NegativeInfinity;
        rows[1, 4].mul_(1e-35f);

        (Tensor codes, Tensor scales) = Encoded(rows);

        float[] told = scales.data<float>().ToArray();
        Assert.Equal(0, told[0]);
        Assert.Equal([1, 2, 8], Enumerable.Range(0, 10).Where(row => float.IsNaN(told[row])));
        Assert.Equal(0, told[9]);
        Assert.All([3, 4, 5, 6, 7], row => Assert.Equal(1 / 127f, told[row]));
        Assert.Equal(0, codes[0, 0].to_type(ScalarType.Int32).abs().sum().item<long>());
        Assert.Equal(5 * 20 * 127, codes.to_type(ScalarType.Int32).masked_fill(scales.eq(1 / 127f).logical_not().unsqueeze(-1), 0).sum().item<long>());
    }

    [Fact]
    public void Rows_are_written_where_they_belong_and_nowhere_else()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor codes = full([2, 6, 18], 55, dtype: ScalarType.Int8), scales = full([2, 6], 55f);

        CacheRowEncoder.Encode(ones(2, 2, 18), new StoredRows(codes.narrow(1, 3, 2), scales.narrow(1, 3, 2)));

        Assert.Equal(
            [55, 55, 55, 127, 127, 55, 55, 55, 55, 127, 127, 55], codes.to_type(ScalarType.Int32).amax([-1]).flatten().data<int>().ToArray());
        Assert.True(codes.to_type(ScalarType.Int32).amax([-1]).eq(codes.to_type(ScalarType.Int32).amin([-1])).all().item<bool>());
        Assert.Equal([55f, 55, 55, 1 / 127f, 1 / 127f, 55], scales[1].data<float>().ToArray());
    }

    private static (Tensor Codes, Tensor Scales) Encoded(Tensor rows)
    {
        Tensor codes = empty(rows.size(0), rows.size(1), rows.size(2), dtype: ScalarType.Int8), scales = empty(rows.size(0), rows.size(1));
        CacheRowEncoder.Encode(rows, new StoredRows(codes, scales));
        return (codes, scales);
    }
}
