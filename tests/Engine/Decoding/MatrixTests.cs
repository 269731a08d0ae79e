using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

[Collection(DecodingCollection.Name)]
public sealed class MatrixTests
{
    [Fact]
    public void Rows_of_any_leading_dimensions_are_multiplied_and_get_the_bias()
    {
        using Tensor weight = randn(5, 4), bias = randn(5), x = randn(2, 3, 4);
        using DenseMatrix matrix = new(weight.alias(), bias.alias()), plain = new(weight.alias());
        using Tensor product = x.matmul(weight.t()), expected = product.add(bias);

        using Tensor actual = matrix.Apply(x), without = plain.Apply(x);

        Assert.Equal((5, 4, 20L), (matrix.Outputs, matrix.Inputs, matrix.RowMacs));
        Near.Equal(expected, actual, 1e-6);
        Near.Equal(product, without, 1e-6);
    }

    [Fact]
    public void A_matrix_stored_in_half_precision_is_widened_to_the_rows_type()
    {
        using Tensor weight = randn(6, 8, dtype: ScalarType.BFloat16), wide = weight.to_type(ScalarType.Float32), x = randn(3, 8);
        using DenseMatrix matrix = new(weight.alias());
        using Tensor expected = x.matmul(wide.t()), actual = matrix.Apply(x);

        Assert.Equal((ScalarType.BFloat16, ScalarType.Float32), (matrix.StoredType, actual.dtype));
        Near.Equal(expected, actual, 1e-6);
    }

    [Fact]
    public void The_dense_form_of_a_dense_matrix_is_what_is_stored()
    {
        using DenseMatrix matrix = new(randn(3, 2, dtype: ScalarType.BFloat16));

        using (Tensor dense = matrix.Dense())
        {
            matrix.Weight.fill_(7); // seen through the other handle: no copy
            Assert.Equal(ScalarType.BFloat16, dense.dtype);
            Assert.Equal(7f, dense.max().to_type(ScalarType.Float32).item<float>());
        }

        Assert.False(matrix.Weight.IsInvalid);
    }

    [Theory]
    [InlineData(ScalarType.Float32, 4)]
    [InlineData(ScalarType.BFloat16, 2)]
    public void Stored_bytes_count_matrix_and_bias(ScalarType type, int size)
    {
        using DenseMatrix matrix = new(zeros(5, 4, dtype: type), zeros(5, dtype: ScalarType.Float32)), plain = new(zeros(5, 4, dtype: type));

        Assert.Equal(((20L * size) + 20, 20L * size), (matrix.StoredBytes, plain.StoredBytes));
    }

    [Fact]
    public void Tensors_go_by_the_published_name()
    {
        using DenseMatrix matrix = new(zeros(5, 4), zeros(5)), plain = new(zeros(5, 4));

        Assert.Equal(["a.weight", "a.bias"], matrix.Named("a").Select(named => named.Name));
        Assert.Same(matrix.Weight, matrix.Named("a").First().Tensor);
        Assert.Equal(["b.weight"], plain.Named("b").Select(named => named.Name));
    }

    [Fact]
    public void Nothing_is_left_behind() => LiveTensors.MustNotGrow(() =>
    {
        using DenseMatrix matrix = new(randn(5, 4, dtype: ScalarType.BFloat16), randn(5));
        using Tensor x = randn(2, 4);
        matrix.Apply(x).Dispose();
        matrix.Dense().Dispose();
    });
}
