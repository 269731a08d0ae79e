using Aperture.Decoding;
using Aperture.Models;
using CsCheck;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>The managed kernels against the same operations by libtorch, over shapes that end inside and outside vector width.</summary>
[Collection(DecodingCollection.Name)]
public sealed class OpsKernelTests
{
    private static readonly Gen<(int Rows, int Width)> _shapes = Gen.Select(
        Gen.Int[1, 9], Gen.Int[1, 73].Select(width => width <= 70 ? width : width == 71 ? 128 : width == 72 ? 200 : 513));

    [Theory]
    [InlineData(ScalarType.Float32, 1e-6)]
    [InlineData(ScalarType.BFloat16, 1e-2)]
    public void Rms_norm(ScalarType type, double tolerance) => Check(type, (ops, oracle, rows, width) =>
    {
        using Tensor x = Noise(type, rows, width), gain = Noise(type, width);
        using Tensor expected = oracle.RmsNorm(x, gain, 1e-5, rows, width), actual = ops.RmsNorm(x, gain, 1e-5, rows, width);
        Near.Equal(expected, actual, tolerance);
    });

    [Theory]
    [InlineData(ScalarType.Float32, 1e-6)]
    [InlineData(ScalarType.BFloat16, 1.2e-2)]
    public void Rotary_embedding(ScalarType type, double tolerance) => Check(type, (ops, oracle, rows, width) =>
    {
        int head = 2 * ((width % 40) + 1), rotated = head > 4 && width % 2 == 0 ? head - 4 : head;
        using RotaryTable table = new(new RotaryConfig { Dimensions = rotated }, CPU);
        using RotaryRows rotary = table.Rows([.. Enumerable.Range(0, rows).Select(i => i * 5)], 0);
        using Tensor x = Noise(type, rows, 3, head);
        using Tensor expected = oracle.Rotate(x.clone(), rotary, rows, 3, head), actual = ops.Rotate(x.clone(), rotary, rows, 3, head);
        Near.Equal(expected, actual, tolerance);
    });

    [Theory]
    [InlineData(ScalarType.Float32, 1e-6)]
    [InlineData(ScalarType.BFloat16, 1e-2)]
    public void Gated_silu(ScalarType type, double tolerance) => Check(type, (ops, oracle, rows, width) =>
    {
        using Tensor gate = Noise(type, rows, width), up = Noise(type, rows, width);
        using Tensor expected = oracle.SiluTimes(gate.clone(), up, gate.numel()), actual = ops.SiluTimes(gate.clone(), up, gate.numel());
        Near.Equal(expected, actual, tolerance);
    });

    [Theory]
    [InlineData(ScalarType.Float32, ScalarType.Float32, 1e-5)]
    [InlineData(ScalarType.BFloat16, ScalarType.BFloat16, 1e-2)]
    [InlineData(ScalarType.Float32, ScalarType.BFloat16, 1e-5)]
    public void Few_rows_times_a_matrix(ScalarType type, ScalarType stored, double tolerance) => Check(type, (ops, _, rows, width) =>
    {
        int few = (rows % 2) + 1, outputs = (width % 50) + 1;
        using DenseMatrix weights = new(Noise(stored, outputs, width), rows % 3 == 0 ? Noise(type, outputs) : null);
        using Tensor x = Noise(type, few, width), wide = weights.Weight.to_type(ScalarType.Float32), wideRows = x.to_type(ScalarType.Float32), bias = (
            weights.Bias ?? zeros(outputs)).to_type(ScalarType.Float32);
        using Tensor expected = F.linear(wideRows, wide, bias), actual = ops.Linear(x, weights, few);
        Assert.Equal(type, actual.dtype);
        Near.Equal(expected, actual, tolerance);
    });

    [Fact]
    public void Bf16_rounds_to_nearest_even_as_libtorch_does()
    {
        using Ops ops = new(CPU, ScalarType.BFloat16, threads: 1);
        using Tensor values = Noise(ScalarType.BFloat16, 1, 4096), one = ones(1, dtype: ScalarType.BFloat16), gain = Noise(ScalarType.BFloat16, 4096);
        using DenseMatrix column = new(values.view(4096, 1));

        // A product of two bf16 numbers is exact in float32, so the only rounding is the last one.
        using Tensor x = full([1, 1], 1.7f, dtype: ScalarType.BFloat16);
        using Tensor expected = values.mul(x), actual = ops.Linear(x, column, 1);

        Near.Exactly(expected, actual);
    }

    [Fact]
    public void Several_threads_give_what_one_gives()
    {
        using Ops one = new(CPU, ScalarType.Float32, threads: 1), three = new(CPU, ScalarType.Float32, threads: 3);
        using DenseMatrix weights = new(Noise(ScalarType.Float32, 700, 300));
        using Tensor x = Noise(ScalarType.Float32, 1, 300);
        for (int round = 0; round < 200; round++)
        {
            using Tensor expected = one.Linear(x, weights, 1), actual = three.Linear(x, weights, 1);
            Near.Exactly(expected, actual);
        }
    }

    [Fact]
    public void A_half_precision_matrix_is_never_read_as_something_else()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using DenseMatrix weights = new(Noise(ScalarType.Float16, 5, 8));
        using Tensor x = Noise(ScalarType.Float32, 1, 8), wide = weights.Weight.to_type(ScalarType.Float32);
        using Tensor expected = F.linear(x, wide), actual = ops.Linear(x, weights, 1);

        Near.Equal(expected, actual, 1e-6);
    }

    private static void Check(ScalarType type, Action<Ops, Ops, int, int> compare)
    {
        using Ops ops = new(CPU, type, threads: 1);
        Ops oracle = ops.ForTraining();
        manual_seed(7);
        _shapes.Sample(shape => compare(ops, oracle, shape.Rows, shape.Width), iter: 40, threads: 1);
    }

    private static Tensor Noise(ScalarType type, params long[] shape)
    {
        using Tensor noise = randn(shape);
        return noise.to_type(type, copy: true);
    }
}
