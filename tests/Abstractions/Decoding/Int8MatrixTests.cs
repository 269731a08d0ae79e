using Aperture.Decoding;
using Aperture.Weights;
using static Aperture.Abstractions.Tests.Decoding.MatrixValues;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Decoding;

[Collection("tensors")]
public sealed class Int8MatrixTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    [InlineData(ScalarType.Float16)]
    public void A_product_is_within_two_percent_of_the_exact_one(ScalarType type)
    {
        using Ops ops = new(CPU, type, threads: 1);
        using Tensor weight = Noise(1, 50, 300), bias = Noise(2, 50), x = Noise(3, 2, 10, 300), typed = x.to_type(type);
        using Int8Matrix matrix = Int8Matrix.Quantize(weight, bias.to_type(type, copy: true), ops);
        using Tensor product = x.matmul(weight.t()), expected = product.add(bias), actual = matrix.Apply(typed), few = typed[0, 0];
        using Tensor row = matrix.Apply(few), single = few.unsqueeze(0), rows = matrix.Apply(single);

        Assert.Equal((type, 3L), (actual.dtype, actual.dim()));
        Assert.InRange(Error(expected, actual), 1e-4, 0.02);
        Assert.Equal([50L], row.shape);
        Assert.Equal(Values(rows), Values(row));
    }

    [Fact]
    public void Channels_of_large_activations_do_not_spoil_the_others()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = Noise(1, 64, 1000), x = Noise(2, 30, 1000);
        foreach (int channel in (int[])[3, 400, 999])
        {
            using Tensor column = x.select(1, channel);
            column.mul_(50);
        }

        using Int8Matrix matrix = Int8Matrix.Quantize(weight, null, ops);
        using Tensor expected = x.matmul(weight.t()), actual = matrix.Apply(x);

        Assert.InRange(Error(expected, actual), 1e-4, 0.015);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Neither_threads_nor_the_rows_beside_it_change_a_row(ScalarType type)
    {
        using Tensor weight = Noise(1, 700, 301), noise = Noise(2, 40, 301);
        noise[7, 100] = 400;
        using Tensor x = noise.to_type(type), one = x.narrow(0, 7, 1), few = x.narrow(0, 5, 6);
        List<float[]> results = [];
        foreach (int threads in (int[])[1, 2, 4])
        {
            using Ops ops = new(CPU, type, threads);
            using Int8Matrix matrix = Int8Matrix.Quantize(weight, Noise(3, 700).to_type(type), ops);
            using Tensor all = matrix.Apply(x), alone = matrix.Apply(one), some = matrix.Apply(few);
            using Tensor own = all[7], amongFew = some[2], single = alone[0];
            results.AddRange([Values(own), Values(amongFew), Values(single)]);
        }

        Assert.All(results, result => Assert.Equal(results[0], result));
    }

    [Fact]
    public void No_rows_give_no_rows()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 2);
        using Tensor weight = Noise(1, 6, 5), x = empty(2, 0, 5);
        using Int8Matrix matrix = Int8Matrix.Quantize(weight, Noise(2, 6), ops);
        using Tensor actual = matrix.Apply(x);

        Assert.Equal([2L, 0, 6], actual.shape);
    }

    [Fact]
    public void Infinities_and_nans_stay_in_their_rows_and_are_not_hidden()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = Noise(1, 8, 64).abs().add(0.5), x = Noise(2, 30, 64), clean = x.clone();
        x[3, 5] = double.PositiveInfinity;
        x[4, 60] = double.NaN;
        using Int8Matrix matrix = Int8Matrix.Quantize(weight, null, ops);
        using Tensor actual = matrix.Apply(x), before = matrix.Apply(clean), four = x.narrow(0, 2, 4), few = matrix.Apply(four);

        float[][] rows = [.. Enumerable.Range(0, 30).Select(row => Values(actual[row])), Values(few[1]), Values(few[2])];
        Assert.All(rows[3].Concat(rows[30]), value => Assert.Equal(float.PositiveInfinity, value));
        Assert.All(rows[4].Concat(rows[31]), value => Assert.True(float.IsNaN(value)));
        Assert.Equal(Values(before[5]), rows[5]);
        Assert.Equal(Values(before[29]), rows[29]);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.NegativeInfinity)]
    public void A_weight_that_is_not_finite_is_refused_by_name(double value)
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = Noise(1, 8, 33);
        weight[5, 32] = value;

        ApertureException error = Assert.Throws<ApertureException>(() => Int8Matrix.Quantize(weight, null, ops, "layers.3.up.weight"));

        Assert.StartsWith("layers.3.up.weight holds a weight that is infinite or no number", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_output_of_zeros_gives_its_bias()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = zeros(3, 20), bias = Noise(1, 3), x = Noise(2, 1, 20);
        using Int8Matrix matrix = Int8Matrix.Quantize(weight, bias.clone(), ops);
        using Tensor actual = matrix.Apply(x);

        Assert.Equal(Values(bias), Values(actual));
    }

    [Fact]
    public void The_dense_form_is_within_half_a_step_of_the_weight()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = Noise(1, 40, 77);
        using Int8Matrix matrix = Int8Matrix.Quantize(weight, Noise(2, 40), ops);
        using Tensor dense = matrix.Dense(), steps = weight.abs().amax([1], keepdim: true).div(127), off = dense.sub(weight).abs().div(steps).max();

        Assert.InRange(off.item<float>(), 0.3, 0.501);
        Assert.Equal((40, 77, ScalarType.Int8), (matrix.Outputs, matrix.Inputs, matrix.StoredType));
        Assert.Equal((40 * 77) + (3 * 4 * 40), matrix.StoredBytes);
        Assert.Equal(["up.weight", "up.bias"], matrix.Names("up"));
        Assert.Equal(["up.bias"], matrix.Named("up").Select(entry => entry.Name));
    }

    [Fact]
    public void Gradients_are_refused()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = Noise(1, 4, 4), x = Noise(2, 1, 4).requires_grad_();
        using Int8Matrix matrix = Int8Matrix.Quantize(weight, null, ops);

        Assert.Throws<NotSupportedException>(() => matrix.Apply(x));
        using (no_grad())
        {
            matrix.Apply(x).Dispose();
        }
    }

    [Fact]
    public void A_policy_quantises_what_the_checkpoint_stores()
    {
        using Tensor weight = Noise(1, 6, 40).to_type(ScalarType.BFloat16), bias = Noise(2, 6);
        using TensorWeights source = new(new Dictionary<string, Tensor> { ["a.weight"] = weight.alias(), ["a.bias"] = bias.alias() });
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1) { Weights = WeightFormat.Int8 }, plain = new(CPU, ScalarType.Float32, threads: 1);
        using Matrix quantized = WeightPolicy.Of(ops).Linear(source, "a", 6, 40, bias: true);
        using Matrix dense = WeightPolicy.Of(plain).Linear(source, "a", 6, 40, bias: true);

        Assert.IsType<Int8Matrix>(quantized);
        Assert.IsType<DenseMatrix>(dense);
        Assert.Throws<ApertureException>(() => WeightPolicy.Of(ops).Linear(source, "a", 6, 41, bias: true));
    }

    [Fact]
    public void Nothing_is_left_behind() => LiveTensors.MustNotGrow(() =>
    {
        using Ops ops = new(CPU, ScalarType.Float16, threads: 1);
        using Tensor weight = randn(30, 20), x = randn(40, 20, dtype: ScalarType.Float16), one = randn(1, 20, dtype: ScalarType.Float16);
        using Int8Matrix matrix = Int8Matrix.Quantize(weight, randn(30, dtype: ScalarType.Float16), ops);
        matrix.Apply(x).Dispose();
        matrix.Apply(one).Dispose();
        matrix.Dense().Dispose();
        using Tensor broken = full([2, 2], double.NaN);
        Assert.Throws<ApertureException>(() => Int8Matrix.Quantize(broken, zeros(2), ops));
    });
}
