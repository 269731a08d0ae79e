using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Aperture.Kernels;

/// <summary>
/// The exponential of float32 numbers without leaving float32, to two units in the last place. The runtime's own goes through float64 and takes four times as
/// long, which softmax of long rows feels.
/// </summary>
internal static class FloatExp
{
    private const float Log2E = 1.44269504f, Ln2High = 0.693359375f, Ln2Low = -2.12194440e-4f;
    private const float Magic = 12582912f; // 1.5 2^23: adding it leaves a number's nearest integer in the low bits
    private const float Least = -87.33654f, Most = 88.72283f; // ln of the smallest normal and of the largest number

    /// <summary>e to the x: 0 below ln of the smallest normal number, infinity above ln of the largest, NaN of NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Of(Vector512<float> x)
    {
        Vector512<float> whole = Vector512.FusedMultiplyAdd(x, Vector512.Create(Log2E), Vector512.Create(Magic)); // n = round(x / ln 2), e^x = 2^n e^r
        Vector512<float> n = whole - Vector512.Create(Magic);
        Vector512<float> r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2High), x);
        r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-Ln2Low), r);

        // 1 + r + r^2 p(r) for |r| <= ln 2 / 2, with the coefficients of the Cephes library's expf.
        Vector512<float> p = Vector512.Create(1.9875691500e-4f);
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.3981999507e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(8.3334519073e-3f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(4.1665795894e-2f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1.6666665459e-1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(5.0000001201e-1f));
        p = Vector512.FusedMultiplyAdd(p, r * r, r) + Vector512<float>.One;

        // Times 2^n, in two steps: 2^128, which the largest numbers need, has no bits of its own.
        Vector512<int> exponent = whole.AsInt32() - Vector512.Create(Magic).AsInt32();
        Vector512<float> half = ((exponent >> 1) + Vector512.Create(127) << 23).AsSingle();
        Vector512<float> rest = (exponent - (exponent >> 1) + Vector512.Create(127) << 23).AsSingle();
        Vector512<float> result = p * half * rest;
        result = Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(Least)), Vector512<float>.Zero, result);
        return Vector512.ConditionalSelect(Vector512.GreaterThan(x, Vector512.Create(Most)), Vector512.Create(float.PositiveInfinity), result);
    }
}
