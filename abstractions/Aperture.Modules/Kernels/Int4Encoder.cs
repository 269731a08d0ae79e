using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>
/// Quantises the rows of a weight matrix to four bits. A row's scale lets its widest group use the largest factor; every group takes the factor and zero with
/// the least squared error among those near its own range.
/// </summary>
internal static unsafe class Int4Encoder
{
    private const int Largest = 15;
    private const int FactorsTried = 3;
    private const int ElementsPerBlock = 1 << 22;
    private const float Smallest = 1e-30f;

    /// <summary>Encodes.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="weight"><c>[outputs, inputs]</c> in any floating type; borrowed.</param>
    /// <param name="codes">Gets uint8 <c>[outputs, groups, 16]</c>.</param>
    /// <param name="factors">Gets uint8 <c>[outputs, groups]</c>.</param>
    /// <param name="shifts">Gets uint8 <c>[outputs, groups]</c>.</param>
    /// <param name="scales">Gets float32 <c>[outputs]</c>; NaN for a row with an element that is not finite.</param>
    public static void Encode(WorkerTeam team, Tensor weight, Tensor codes, Tensor factors, Tensor shifts, Tensor scales)
    {
        int outputs = (int)weight.size(0), inputs = (int)weight.size(1), groups = Int4Weights.GroupsOf(inputs);
        int step = Math.Max(1, ElementsPerBlock / Math.Max(1, inputs));
        nint pc = (nint)TensorMemory.Pointer(codes), pf = (nint)TensorMemory.Pointer(factors), pz = (nint)TensorMemory.Pointer(shifts);
        nint ps = (nint)TensorMemory.Pointer(scales);
        for (int first = 0; first < outputs; first += step)
        {
            using Tensor part = weight.narrow(0, first, Math.Min(step, outputs - first));
            using Tensor wide = part.to_type(ScalarType.Float32);
            using Tensor rows = wide.contiguous();
            nint source = (nint)TensorMemory.Pointer(rows);
            int count = (int)rows.size(0), from = first, chunks = Gemv.Chunks(team, count, inputs);
            team.Run(chunks, chunk =>
            {
                (int begin, int end) = Gemv.Range(count, chunks, chunk);
                for (int row = begin; row < end; row++)
                {
                    long at = (long)(from + row) * groups;
                    ((float*)ps)[from + row] = Row(
                        (float*)source + ((long)row * inputs), inputs, (byte*)pc + (at * Int4Weights.Group / 2), (byte*)pf + at, (byte*)pz + at);
                }
            });
        }
    }

    private static float Row(float* x, int inputs, byte* codes, byte* factors, byte* shifts)
    {
        int groups = Int4Weights.GroupsOf(inputs);
        float widest = 0;
        for (int group = 0; group < groups; group++)
        {
            (float low, float high) = Range(x, inputs, group);
            widest = MathF.Max(widest, Step(low, high));
        }

        float scale = float.IsFinite(widest) ? widest / Largest : float.NaN;
        bool isEmpty = !(scale >= Smallest); // or not a number
        for (int group = 0; group < groups; group++)
        {
            if (isEmpty)
            {
                new Span<byte>(codes + (group * Int4Weights.Group / 2), Int4Weights.Group / 2).Clear();
                (factors[group], shifts[group]) = (0, 0);
            }
            else
            {
                Group(x, inputs, group, scale, codes, factors, shifts);
            }
        }

        return float.IsNaN(scale) ? scale : isEmpty ? 0 : scale;
    }

    // The smallest and the largest element of a group, zero among them; not a number where one is not finite.
    private static (float Low, float High) Range(float* x, int inputs, int group)
    {
        float low = 0, high = 0, all = 0;
        for (int i = group * Int4Weights.Group; i < Math.Min(inputs, (group + 1) * Int4Weights.Group); i++)
        {
            (low, high, all) = (MathF.Min(low, x[i]), MathF.Max(high, x[i]), all + (x[i] * 0));
        }

        return (low + all, high + all);
    }

    // What a row's scale times the largest factor has to be: sixteen codes cover the range, and no whole number is beyond 127.
    private static float Step(float low, float high) => MathF.Max((high - low) / Largest, MathF.Max(-low, high) * Largest / RowQuantizer.Largest);

    private static void Group(float* x, int inputs, int group, float scale, byte* codes, byte* factors, byte* shifts)
    {
        (float low, float high) = Range(x, inputs, group);
        int start = group * Int4Weights.Group, count = Math.Min(Int4Weights.Group, inputs - start);
        int most = Math.Clamp((int)MathF.Ceiling((high - low) / (Largest * scale)), 1, Largest);
        (int bestFactor, int bestZero, float least) = (1, 0, float.PositiveInfinity);
        for (int factor = most; factor >= Math.Max(1, most - FactorsTried + 1); factor--)
        {
            float step = scale * factor;
            int nearest = (int)MathF.Round(-low / step);
            for (int zero = nearest - 1; zero <= nearest + 1; zero++)
            {
                if (zero < 0 || zero > Largest || factor * Math.Max(zero, Largest - zero) > RowQuantizer.Largest)
                {
                    continue;
                }

                float error = Error(x + start, count, step, zero);
                if (error < least)
                {
                    (bestFactor, bestZero, least) = (factor, zero, error);
                }
            }
        }

        byte* pairs = codes + (start / 2);
        new Span<byte>(pairs, Int4Weights.Group / 2).Clear();
        for (int i = 0; i < count; i++)
        {
            int code = Code(x[start + i], scale * bestFactor, bestZero);
            pairs[i / 2] |= (byte)(i % 2 == 0 ? code : code << 4);
        }

        (factors[group], shifts[group]) = ((byte)bestFactor, (byte)(bestFactor * bestZero));
    }

    private static float Error(float* x, int count, float step, int zero)
    {
        float error = 0;
        for (int i = 0; i < count; i++)
        {
            float off = x[i] - (step * (Code(x[i], step, zero) - zero));
            error += off * off;
        }

        return error;
    }

    private static int Code(float x, float step, int zero) => Math.Clamp((int)MathF.Round(x / step) + zero, 0, Largest);
}
