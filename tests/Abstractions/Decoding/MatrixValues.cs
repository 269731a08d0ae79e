using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Decoding;

/// <summary>Numbers for tests of stored matrices, and how far two results are apart.</summary>
internal static class MatrixValues
{
    public static Tensor Noise(ulong seed, params long[] shape)
    {
        using Generator generator = new(seed, CPU);
        return randn(shape, dtype: ScalarType.Float32, generator: generator);
    }

    public static float[] Values(Tensor tensor)
    {
        using Tensor wide = tensor.to_type(ScalarType.Float32).contiguous();
        return wide.data<float>().ToArray();
    }

    /// <summary>The root of the mean squared difference, against that of what is expected.</summary>
    public static double Error(Tensor expected, Tensor actual)
    {
        using DisposeScope scope = NewDisposeScope();
        return expected.sub(actual.to_type(ScalarType.Float32)).pow(2).mean().div(expected.pow(2).mean()).sqrt().item<float>();
    }
}
