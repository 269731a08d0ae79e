using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Abstractions.Tests.Kernels;

/// <summary>Convolutions whose channels do not fill blocks of sixteen, over memory that held something before, against double precision.</summary>
public sealed class ConvolutionTests
{
    public static TheoryData<int, int, int, int> Shapes => new()
    {
        { 3, 8, 3, 1 }, { 24, 32, 3, 1 }, { 16, 4, 3, 2 }, { 9, 17, 1, 1 }, { 40, 40, 3, 2 }, { 48, 48, 3, 2 },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Values_and_gradients_are_those_of_double_precision(int inputs, int outputs, int kernel, int stride)
    {
        Check(inputs, outputs, kernel, (x, weight, bias) => Convolutions.Run(x, weight, bias, stride, kernel / 2), stride);
        Check(inputs, outputs, kernel, (x, weight, bias) => Convolutions.InWholeBlocks(x, weight, bias, stride, kernel / 2), stride);
    }

    [Theory]
    [InlineData(8, 24)]
    [InlineData(20, 4)]
    [InlineData(16, 48)]
    public void Transposed_ones_too(int inputs, int outputs)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Rising(2, inputs, 5, 5), weight = Rising(inputs, outputs, 2, 2), bias = Rising(outputs);
        Tensor right = F.conv_transpose2d(Double(x), Double(weight), Double(bias), strides: [2, 2]);
        Spoil();

        Assert.True(Double(Convolutions.RunTransposed(x, weight, bias, 2)).allclose(right, 1e-4, 1e-4));
        Assert.True(Double(Convolutions.TransposedInWholeBlocks(x, weight, bias, 2)).allclose(right, 1e-4, 1e-4));
    }

    [Fact]
    public void Half_precision_is_near_and_groups_stay_groups()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = Rising(2, 4, 8, 8), weight = Rising(32, 4, 3, 3), each = Rising(4, 1, 3, 3);
        Spoil();

        Tensor half = Convolutions.Run(x.to_type(ScalarType.BFloat16), weight.to_type(ScalarType.BFloat16), padding: 1);
        Assert.True(Double(half).allclose(F.conv2d(Double(x), Double(weight), padding: [1, 1]), 0.02, 0.02));
        Tensor right = F.conv2d(Double(x), Double(each), padding: [1, 1], groups: 4);
        Assert.True(Double(Convolutions.Run(x, each, padding: 1, groups: 4)).allclose(right, 1e-4, 1e-4));
    }

    private static void Check(int inputs, int outputs, int kernel, Func<Tensor, Tensor, Tensor, Tensor> convolve, int stride)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] values = [Rising(2, inputs, 8, 8), Rising(outputs, inputs, kernel, kernel), Rising(outputs)];
        Tensor[] leaves = [.. values.Select(value => value.clone().requires_grad_())], exact = [.. values.Select(value => Double(value).requires_grad_())];
        Tensor right = F.conv2d(exact[0], exact[1], exact[2], strides: [stride, stride], padding: [kernel / 2, kernel / 2]);
        Spoil();
        Tensor found = convolve(leaves[0], leaves[1], leaves[2]);
        Assert.Equal(right.shape, found.shape);
        Assert.True(Double(found.detach()).allclose(right.detach(), 1e-4, 1e-4));

        Tensor slope = Rising([.. right.shape]);
        IList<Tensor> wanted = autograd.grad([right], exact, [Double(slope)]);
        Spoil();
        IList<Tensor> gradients = autograd.grad([found], leaves, [slope]);
        Assert.All(gradients.Zip(wanted), pair => Assert.True(Double(pair.First).allclose(pair.Second, 1e-3, 1e-3)));
    }

    private static Tensor Double(Tensor x) => x.to_type(ScalarType.Float64);

    private static Tensor Rising(params long[] shape) => arange(0, shape.Aggregate((a, b) => a * b), dtype: ScalarType.Float32).mul(0.7).sin().view(shape);

    // Memory that the next small tensors are made in.
    private static void Spoil()
    {
        foreach (int size in new[] { 1 << 9, 1 << 12, 1 << 16 })
        {
            full(size, 7f).Dispose();
        }
    }
}
