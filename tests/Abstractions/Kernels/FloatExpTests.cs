using System.Runtime.Intrinsics;
using Aperture.Kernels;

namespace Aperture.Abstractions.Tests.Kernels;

public sealed class FloatExpTests
{
    [Fact]
    public void It_is_the_exponential_to_two_units_in_the_last_place()
    {
        for (double x = -87.3; x < 88.7; x += 0.00137)
        {
            double right = Math.Exp((float)x), error = Math.Abs(At((float)x) - right);
            Assert.True(error <= 2 * (float.BitIncrement((float)right) - (float)right), $"e to {x}: {error / right} off");
        }
    }

    [Theory]
    [InlineData(0f, 1f)]
    [InlineData(-87.4f, 0f)]
    [InlineData(-30000f, 0f)]
    [InlineData(float.MinValue, 0f)]
    [InlineData(float.NegativeInfinity, 0f)]
    [InlineData(89f, float.PositiveInfinity)]
    [InlineData(float.MaxValue, float.PositiveInfinity)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity)]
    [InlineData(float.NaN, float.NaN)]
    public void Ends_are_exact(float x, float expected) => Assert.Equal(expected, At(x));

    private static float At(float x) => FloatExp.Of(Vector512.Create(x))[7];
}
