namespace Aperture.Weights;

/// <summary>The 256 values of each one-byte float type, as float32 (every one of them is exact there).</summary>
internal static class Float8Tables
{
    private static readonly float[] _e4m3 = Build(exponentBits: 4, bias: 7, Specials.AllOnesIsNaN);
    private static readonly float[] _e5m2 = Build(exponentBits: 5, bias: 15, Specials.Ieee);
    private static readonly float[] _e4m3Fnuz = Build(exponentBits: 4, bias: 8, Specials.MinusZeroIsNaN);
    private static readonly float[] _e5m2Fnuz = Build(exponentBits: 5, bias: 16, Specials.MinusZeroIsNaN);
    private static readonly float[] _e8m0 = BuildPowersOfTwo();

    private enum Specials
    {
        Ieee,
        AllOnesIsNaN,
        MinusZeroIsNaN,
    }

    public static ReadOnlySpan<float> For(string storedType) => storedType switch
    {
        "F8_E4M3" => _e4m3,
        "F8_E5M2" => _e5m2,
        "F8_E4M3FNUZ" => _e4m3Fnuz,
        "F8_E5M2FNUZ" => _e5m2Fnuz,
        "F8_E8M0" => _e8m0,
        _ => throw new ArgumentException($"'{storedType}' is not a one-byte float type.", nameof(storedType)),
    };

    private static float[] Build(int exponentBits, int bias, Specials specials)
    {
        int mantissaBits = 7 - exponentBits;
        int mantissaMask = (1 << mantissaBits) - 1;
        int exponentMask = (1 << exponentBits) - 1;
        float[] table = new float[256];
        for (int code = 0; code < 256; code++)
        {
            int exponent = (code >> mantissaBits) & exponentMask;
            int mantissa = code & mantissaMask;
            float sign = (code & 0x80) != 0 ? -1f : 1f;
            float magnitude = exponent == 0
                ? MathF.ScaleB(mantissa, 1 - bias - mantissaBits)
                : MathF.ScaleB((1 << mantissaBits) + mantissa, exponent - bias - mantissaBits);
            table[code] = specials switch
            {
                Specials.Ieee when exponent == exponentMask => mantissa == 0 ? sign * float.PositiveInfinity : float.NaN,
                Specials.AllOnesIsNaN when (code & 0x7F) == 0x7F => float.NaN,
                Specials.MinusZeroIsNaN when code == 0x80 => float.NaN,
                _ => sign * magnitude,
            };
        }

        return table;
    }

    private static float[] BuildPowersOfTwo()
    {
        float[] table = new float[256];
        for (int code = 0; code < 255; code++)
        {
            table[code] = MathF.ScaleB(1f, code - 127);
        }

        table[255] = float.NaN;
        return table;
    }
}
