using Aperture.Decoding;
using Aperture.Kernels;
using static Aperture.Abstractions.Tests.Decoding.MatrixValues;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Decoding;

[Collection("tensors")]
public sealed unsafe class Int4MatrixTests
{
    /// <summary>Widths below a group, of whole groups, one and two of them, and between.</summary>
    public static TheoryData<int> Widths { get; } = [1, 2, 7, 16, 31, 32, 33, 63, 64, 65, 95, 96, 97, 128, 161, 300, 1100];

    [Theory]
    [MemberData(nameof(Widths))]
    public void Instructions_sums_and_widened_weights_agree(int inputs)
    {
        const int Outputs = 5;
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = Noise(1, Outputs, inputs);
        using Int4Matrix matrix = Int4Matrix.Quantize(weight, null, ops);
        Random random = new(inputs);
        sbyte[] rows = [.. Enumerable.Range(0, 4 * inputs).Select(_ => (sbyte)random.Next(-127, 128))];
        foreach (bool vectors in System.Runtime.Intrinsics.X86.Avx2.IsSupported ? (bool[])[false, true] : [false])
        {
            Int4Kernel kernel = new(matrix.Kernel(), vectors);
            byte[] prepared = new byte[4 * kernel.PreparedBytes];
            int[] four = new int[4];
            sbyte[] widened = new sbyte[inputs];
            fixed (sbyte* x = rows, wide = widened)
            fixed (byte* p = prepared)
            fixed (int* sums = four)
            {
                for (int row = 0; row < 4; row++)
                {
                    kernel.Prepare(x + (row * inputs), p + (row * kernel.PreparedBytes));
                }

                for (int output = 0; output < Outputs; output++)
                {
                    kernel.Four(output, p, sums);
                    kernel.Widen(output, wide);
                    int[] codes = [.. Enumerable.Range(0, inputs).Select(column => kernel.Code(output, column))];
                    int[] expected = [.. Enumerable.Range(0, 4).Select(row => Enumerable.Range(0, inputs).Sum(i => codes[i] * rows[(row * inputs) + i]))];

                    Assert.All(codes, code => Assert.InRange(code, -127, 127));
                    Assert.Equal(codes, widened.Select(code => (int)code));
                    Assert.Equal(expected, four);
                    Assert.Equal(expected[0], kernel.One(output, p));
                }
            }
        }
    }

    [Theory]
    [InlineData("normal", 0.075)]
    [InlineData("positive", 0.045)]
    [InlineData("negative", 0.045)]
    [InlineData("unequal", 0.075)]
    public void Weights_are_near_what_they_were(string kind, double tolerance)
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor noise = Noise(1, 60, 512);
        using Tensor weight = kind switch
        {
            "positive" => noise.abs(),
            "negative" => noise.abs().neg(),
            "unequal" => noise.mul(linspace(0.3, 1, 512)), // groups of unequal size under one scale
            _ => noise.alias(),
        };
        using Int4Matrix matrix = Int4Matrix.Quantize(weight, null, ops);
        using Tensor dense = matrix.Dense();

        // The relative error of sixteen even steps over the range of 32 normal numbers is 7 %.
        Assert.InRange(Error(weight, dense), 0.01, 0.02 + tolerance);
        Assert.Equal((60 * 512 / 2) + (2 * 60 * 16) + (4 * 60), matrix.StoredBytes);
    }

    [Theory]
    [InlineData(ScalarType.Float32, 300)]
    [InlineData(ScalarType.BFloat16, 321)]
    public void Neither_threads_nor_the_rows_beside_it_nor_the_path_change_a_row(ScalarType type, int inputs)
    {
        using Tensor weight = Noise(1, 700, inputs), noise = Noise(2, 40, inputs);
        noise[7, 100] = 400;
        using Tensor x = noise.to_type(type), one = x.narrow(0, 7, 1), few = x.narrow(0, 5, 6);
        List<float[]> results = [];
        foreach (int threads in (int[])[1, 2, 4])
        {
            using Ops ops = new(CPU, type, threads);
            using Int4Matrix matrix = Int4Matrix.Quantize(weight, Noise(3, 700).to_type(type), ops);
            using Tensor all = matrix.Apply(x), alone = matrix.Apply(one), some = matrix.Apply(few);
            using Tensor own = all[7], amongFew = some[2], single = alone[0];
            results.AddRange([Values(own), Values(amongFew), Values(single)]);
        }

        Assert.All(results, result => Assert.Equal(results[0], result));
    }

    [Fact]
    public void A_product_is_that_of_the_weights_it_keeps()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = Noise(1, 50, 200), bias = Noise(2, 50), x = Noise(3, 3, 8, 200);
        using Int4Matrix matrix = Int4Matrix.Quantize(weight, bias.clone(), ops);
        using Tensor dense = matrix.Dense(), product = x.matmul(dense.t()), expected = product.add(bias), actual = matrix.Apply(x);

        Assert.InRange(Error(expected, actual), 1e-4, 0.015); // the activations' eight bits
    }

    [Fact]
    public void Rows_that_are_empty_infinite_or_no_numbers_are_what_they_are()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = Noise(1, 8, 64).abs().add(0.5), x = Noise(2, 30, 64), none = empty(0, 64);
        x[2].fill_(0);
        x[3, 5] = double.PositiveInfinity;
        x[4, 60] = double.NaN;
        using Int4Matrix matrix = Int4Matrix.Quantize(weight, null, ops);
        using Tensor actual = matrix.Apply(x), nothing = matrix.Apply(none), part = x.narrow(0, 2, 3), few = matrix.Apply(part);

        Assert.Equal([0L, 8], nothing.shape);
        foreach (Tensor[] rows in (Tensor[][])[[actual[2], actual[3], actual[4]], [few[0], few[1], few[2]]])
        {
            Assert.All(Values(rows[0]), value => Assert.Equal(0, value));
            Assert.All(Values(rows[1]), value => Assert.Equal(float.PositiveInfinity, value));
            Assert.All(Values(rows[2]), value => Assert.True(float.IsNaN(value)));
        }
    }

    [Fact]
    public void Weights_of_zero_and_those_that_are_not_finite()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = Noise(1, 4, 70), x = Noise(2, 1, 70), broken = weight.clone();
        weight[1].fill_(0);
        broken[3, 69] = double.NegativeInfinity;
        using Int4Matrix matrix = Int4Matrix.Quantize(weight, null, ops);
        using Tensor actual = matrix.Apply(x);

        Assert.Equal(0, Values(actual)[1]);
        ApertureException error = Assert.Throws<ApertureException>(() => Int4Matrix.Quantize(broken, null, ops, "up.weight"));
        Assert.StartsWith("up.weight holds a weight that is infinite or no number", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_left_behind() => LiveTensors.MustNotGrow(() =>
    {
        using Ops ops = new(CPU, ScalarType.BFloat16, threads: 1);
        using Tensor weight = randn(30, 70), x = randn(40, 70, dtype: ScalarType.BFloat16), one = randn(1, 70, dtype: ScalarType.BFloat16);
        using Int4Matrix matrix = Int4Matrix.Quantize(weight, randn(30, dtype: ScalarType.BFloat16), ops);
        matrix.Apply(x).Dispose();
        matrix.Apply(one).Dispose();
        matrix.Dense().Dispose();
        using Tensor broken = full([2, 2], double.NaN);
        Assert.Throws<ApertureException>(() => Int4Matrix.Quantize(broken, zeros(2), ops));
    });
}
