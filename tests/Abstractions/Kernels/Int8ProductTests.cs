using Aperture.Decoding;
using Aperture.Kernels;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Kernels;

/// <summary>The two ways to a product of eight bits give the same bits, whatever a row holds.</summary>
[Collection("tensors")]
public sealed unsafe class Int8ProductTests
{
    [Theory]
    [InlineData(1, 1, 1, false)]
    [InlineData(3, 7, 5, true)]
    [InlineData(17, 33, 16, false)]
    [InlineData(20, 130, 37, true)]
    [InlineData(40, 515, 70, true)]
    [InlineData(300, 64, 9, false)]
    public void The_managed_product_and_the_library_s_agree_in_every_bit(int rows, int inputs, int outputs, bool bias)
    {
        Assert.True(Int8Product.IsLibraryExact || Int8Dot.Best != Int8Instructions.AvxVnni, "a processor with eight-bit dot products multiplies exactly");
        foreach (ScalarType type in (ScalarType[])[ScalarType.Float32, ScalarType.BFloat16])
        {
            using Ops ops = new(CPU, type, threads: 1);
            using Tensor x = Rows(rows, inputs, type), weight = Noise(1, outputs, inputs);
            using Int8Matrix matrix = Int8Matrix.Quantize(weight, bias ? Noise(2, outputs).to_type(type) : null, ops);
            bool halves = type == ScalarType.BFloat16;
            using QuantizedRows quantized = RowQuantizer.Quantize(ops.Team, TensorMemory.Pointer(x), halves, rows, inputs);
            using Tensor byLibrary = empty(rows, outputs, dtype: type);
            Int8Product.ByLibrary(ops.Team, quantized, matrix.Kernel(), matrix.Codes, TensorMemory.Pointer(byLibrary), halves);
            foreach (Int8Instructions instructions in Enum.GetValues<Int8Instructions>().Where(Int8Dot.Has))
            {
                using Tensor managed = empty(rows, outputs, dtype: type);
                Int8Product.Managed(ops.Team, quantized, matrix.Kernel(), TensorMemory.Pointer(managed), halves, instructions);

                Assert.Equal(Bits(byLibrary), Bits(managed));
            }
        }
    }

    [Fact]
    public void Elements_far_out_are_kept_apart_and_the_rest_keeps_its_precision()
    {
        float[] row = [.. Enumerable.Range(0, 200).Select(i => i % 2 == 0 ? 1f : -1f)];
        row[20] = 500;
        row[199] = float.NegativeInfinity;
        sbyte[] codes = new sbyte[200];
        float scale;
        Outlier[] outliers;
        fixed (float* x = row)
        fixed (sbyte* target = codes)
        {
            scale = RowQuantizer.Row(x, target, 200, spread: 6, out outliers);
        }

        // With an infinite element there is no spread, so only it is an outlier.
        Assert.Equal([new Outlier(199, float.NegativeInfinity)], outliers);
        Assert.Equal(500f / 127, scale);
        row[199] = 1;
        fixed (float* x = row)
        fixed (sbyte* target = codes)
        {
            scale = RowQuantizer.Row(x, target, 200, spread: 6, out outliers);
        }

        Assert.Equal([new Outlier(20, 500)], outliers);
        Assert.Equal(1f / 127, scale);
        Assert.Equal((0, 127, -127), (codes[20], codes[22], codes[21]));
    }

    [Theory]
    [InlineData(0f, 0f)]
    [InlineData(1e-38f, 0f)]
    [InlineData(3e38f, 3e38f / 127)]
    [InlineData(float.NaN, float.NaN)]
    public void Rows_at_the_ends_of_the_numbers_have_a_scale(float value, float expected)
    {
        foreach (int width in (int[])[1, 15, 16, 33, 64])
        {
            float[] row = [.. Enumerable.Repeat(value, width)];
            sbyte[] codes = [.. Enumerable.Repeat((sbyte)5, width)];
            fixed (float* x = row)
            fixed (sbyte* target = codes)
            {
                Assert.Equal(expected, RowQuantizer.Row(x, target, width, spread: 6, out Outlier[] outliers));
                Assert.Empty(outliers);
            }

            Assert.All(codes, code => Assert.Equal(expected > 0 ? 127 : 0, code));
        }
    }

    [Fact]
    public void A_nan_is_found_wherever_it_stands()
    {
        for (int place = 0; place < 41; place++)
        {
            float[] row = [.. Enumerable.Repeat(1f, 41)];
            row[place] = float.NaN;
            sbyte[] codes = new sbyte[41];
            fixed (float* x = row)
            fixed (sbyte* target = codes)
            {
                Assert.True(float.IsNaN(RowQuantizer.Row(x, target, 41, spread: 6, out _)), $"at {place}");
            }
        }
    }

    // Ordinary rows, and one each of zeros, with outliers, with an infinite element, and with a NaN.
    private static Tensor Rows(int rows, int inputs, ScalarType type)
    {
        Tensor x = Noise(3, rows, inputs);
        if (rows > 4)
        {
            x[1].fill_(0);
            x[2, inputs / 2] = 300;
            x[2, inputs - 1] = -200;
            x[3, 0] = double.PositiveInfinity;
            x[4, inputs - 1] = double.NaN;
        }

        using (x)
        {
            return x.to_type(type, copy: true);
        }
    }

    private static Tensor Noise(ulong seed, params long[] shape)
    {
        using Generator generator = new(seed, CPU);
        return randn(shape, dtype: ScalarType.Float32, generator: generator);
    }

    private static int[] Bits(Tensor tensor)
    {
        using Tensor wide = tensor.to_type(ScalarType.Float32);

        // NaNs are alike whatever their payload.
        return [.. wide.data<float>().ToArray().Select(value => float.IsNaN(value) ? int.MinValue : BitConverter.SingleToInt32Bits(value))];
    }
}
