using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>Compares tensors relative to the largest absolute value expected.</summary>
internal static class Near
{
    public static void Equal(Tensor expected, Tensor actual, double tolerance)
    {
        Assert.Equal(expected.shape, actual.shape);
        if (expected.numel() == 0)
        {
            return;
        }

        using TorchSharp.DisposeScope scope = NewDisposeScope();
        Tensor wide = expected.to_type(ScalarType.Float64), other = actual.to_type(ScalarType.Float64);
        double largest = Math.Max(1e-12, wide.abs().max().item<double>()), difference = (wide - other).abs().max().item<double>();
        Assert.True(difference <= tolerance * largest, $"differs by {difference:G4}, relative {difference / largest:G4}, allowed {tolerance:G3}");
    }

    public static void Exactly(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        using Tensor same = expected.eq(actual);
        using Tensor all = same.all();
        Assert.True(all.item<bool>(), "differs in at least one bit");
    }
}
