using System.Runtime.Intrinsics;

namespace Aperture.Kernels;

/// <summary>A row that is being encoded in four bits: what it holds, and where its codes go. Borrows everything.</summary>
/// <param name="x">The row.</param>
/// <param name="importance">How much the square of an input's error counts; null for all alike.</param>
/// <param name="inputs">Its width.</param>
/// <param name="width">Inputs that share a factor and a zero, a multiple of 32.</param>
internal readonly unsafe struct Int4Row(float* x, float* importance, int inputs, int width)
{
    private const int Largest = 15;

    private readonly float* _x = x;
    private readonly float* _importance = importance;

    /// <summary>Gets the codes, 16 bytes for each 32 inputs.</summary>
    public required byte* Codes { get; init; }

    /// <summary>Gets a factor for each 32 inputs.</summary>
    public required byte* Factors { get; init; }

    /// <summary>Gets factor times zero for each 32 inputs.</summary>
    public required byte* Shifts { get; init; }

    /// <summary>Its width.</summary>
    public int Inputs { get; } = inputs;

    /// <summary>Inputs that share a factor and a zero.</summary>
    public int Width { get; } = width;

    /// <summary>Whether some inputs' errors count more than others'.</summary>
    public bool IsFitted => _importance is not null;

    /// <summary>The smallest and the largest element of a group, zero among them; not a number where one is not finite.</summary>
    public (float Low, float High) Range(int start)
    {
        float low = 0, high = 0, all = 0;
        for (int i = start; i < Math.Min(Inputs, start + Width); i++)
        {
            (low, high, all) = (MathF.Min(low, _x[i]), MathF.Max(high, _x[i]), all + (_x[i] * 0));
        }

        return (low + all, high + all);
    }

    /// <summary>The summed square of what a group's elements are off, each by its importance.</summary>
    public float Error(int start, float step, int zero)
    {
        int end = Math.Min(Inputs, start + Width), i = start;
        float error = 0;
        if (_importance is not null)
        {
            Vector256<float> sum = default, least = Vector256.Create((float)-zero), most = Vector256.Create((float)(Largest - zero));
            for (; i + Vector256<float>.Count <= end; i += Vector256<float>.Count)
            {
                Vector256<float> value = Vector256.Load(_x + i);
                Vector256<float> code = Vector256.Min(Vector256.Max(Vector256.Round(value / step), least), most), off = value - (code * step);
                sum += off * off * Vector256.Load(_importance + i);
            }

            error = Vector256.Sum(sum);
        }

        for (; i < end; i++)
        {
            float off = _x[i] - (step * (Code(_x[i], step, zero) - zero));
            error += off * off * (_importance is null ? 1 : _importance[i]);
        }

        return error;
    }

    /// <summary>Writes a group.</summary>
    public void Write(int start, float scale, int factor, int zero)
    {
        int end = Math.Min(Inputs, start + Width);
        for (int first = start; first < end; first += Int4Weights.Group)
        {
            byte* pairs = Codes + (first / 2);
            new Span<byte>(pairs, Int4Weights.Group / 2).Clear();
            for (int i = 0; i < Math.Min(Int4Weights.Group, end - first); i++)
            {
                int code = Code(_x[first + i], scale * factor, zero);
                pairs[i / 2] |= (byte)(i % 2 == 0 ? code : code << 4);
            }

            (Factors[first / Int4Weights.Group], Shifts[first / Int4Weights.Group]) = ((byte)factor, (byte)(factor * zero));
        }
    }

    /// <summary>Writes a row of zeros.</summary>
    public void Clear()
    {
        int groups = Int4Weights.GroupsOf(Inputs);
        new Span<byte>(Codes, groups * Int4Weights.Group / 2).Clear();
        new Span<byte>(Factors, groups).Clear();
        new Span<byte>(Shifts, groups).Clear();
    }

    /// <summary>Divides the factors by what all have in common.</summary>
    /// <returns>The divisor, which the scale is to be multiplied by.</returns>
    public int Reduce()
    {
        int groups = Int4Weights.GroupsOf(Inputs), common = 0;
        for (int group = 0; group < groups; group++)
        {
            (int a, int b) = (common, Factors[group]);
            while (b > 0)
            {
                (a, b) = (b, a % b);
            }

            common = a;
        }

        for (int group = 0; common > 1 && group < groups; group++)
        {
            (Factors[group], Shifts[group]) = ((byte)(Factors[group] / common), (byte)(Shifts[group] / common));
        }

        return Math.Max(1, common);
    }

    private static int Code(float x, float step, int zero) => Math.Clamp((int)MathF.Round(x / step) + zero, 0, Largest);
}
