using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>
/// Quantises the rows of a weight matrix to four bits. A row's scale lets its widest group use the largest factor; every group takes the factor and zero with
/// the least error among those near its own range. A scale times a factor is exact in float32, and a row's factors have no common divisor, so that
/// <see cref="Int4Scales"/> finds both again from the products.
/// </summary>
internal static unsafe class Int4Encoder
{
    private const int Largest = 15;
    private const int FactorsTried = 3;
    private const int ElementsPerBlock = 1 << 22;
    private const float Smallest = 1e-30f;
    private const uint FactorBits = 0xF; // of a float's last digits: as many as the largest factor has

    // Shares of a row's widest scale that a fit tries: a smaller one clips what is far out and lies finer on the rest.
    private static readonly float[] _shares = [1f, 0.95f, 0.9f, 0.85f, 0.8f];

    /// <summary>Encodes.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="weight"><c>[outputs, inputs]</c> in any floating type; borrowed.</param>
    /// <param name="codes">Gets uint8 <c>[outputs, groups, 16]</c>.</param>
    /// <param name="factors">Gets uint8 <c>[outputs, groups]</c>.</param>
    /// <param name="shifts">Gets uint8 <c>[outputs, groups]</c>.</param>
    /// <param name="scales">Gets float32 <c>[outputs]</c>; NaN for a row with an element that is not finite.</param>
    /// <param name="together">Groups that share a factor and a zero: 1, or 2 for groups of 64 inputs.</param>
    /// <param name="importance">
    /// float32 <c>[inputs]</c>: how much the square of an input's error counts, for the factors, zeros and row scales with the least such error; null rounds
    /// to nearest.
    /// </param>
    public static void Encode(
        WorkerTeam team, Tensor weight, Tensor codes, Tensor factors, Tensor shifts, Tensor scales, int together = 1, Tensor? importance = null)
    {
        int outputs = (int)weight.size(0), inputs = (int)weight.size(1), groups = Int4Weights.GroupsOf(inputs);
        int step = Math.Max(1, ElementsPerBlock / Math.Max(1, inputs));
        nint pc = (nint)TensorMemory.Pointer(codes), pf = (nint)TensorMemory.Pointer(factors), pz = (nint)TensorMemory.Pointer(shifts);
        nint ps = (nint)TensorMemory.Pointer(scales), ph = importance is null ? 0 : (nint)TensorMemory.Pointer(importance);
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
                    Int4Row encoded = new((float*)source + ((long)row * inputs), (float*)ph, inputs, together * Int4Weights.Group)
                    {
                        Codes = (byte*)pc + (at * Int4Weights.Group / 2),
                        Factors = (byte*)pf + at,
                        Shifts = (byte*)pz + at,
                    };
                    ((float*)ps)[from + row] = Row(encoded);
                }
            });
        }
    }

    private static float Row(Int4Row row)
    {
        float widest = 0;
        for (int start = 0; start < row.Inputs; start += row.Width)
        {
            (float low, float high) = row.Range(start);
            widest = MathF.Max(widest, Step(low, high));
        }

        float scale = float.IsFinite(widest) ? Rounded(widest / Largest) : float.NaN;
        if (!(scale >= Smallest)) // or not a number
        {
            row.Clear();
            return float.IsNaN(scale) ? scale : 0;
        }

        scale = row.IsFitted ? Best(row, scale) : scale;
        for (int start = 0; start < row.Inputs; start += row.Width)
        {
            (int factor, int zero, _) = Choice(row, start, scale);
            row.Write(start, scale, factor, zero);
        }

        return scale * row.Reduce();
    }

    // Leaves as many digits free as a factor has, so that scale times factor is exact; upwards, so that the widest group stays covered.
    private static float Rounded(float scale) => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(scale) + FactorBits) & ~FactorBits);

    // The scale with the least error of the whole row.
    private static float Best(Int4Row row, float widest)
    {
        (float best, double least) = (widest, double.PositiveInfinity);
        foreach (float share in _shares)
        {
            float scale = Rounded(widest * share);
            double error = 0;
            for (int start = 0; start < row.Inputs; start += row.Width)
            {
                error += Choice(row, start, scale).Error;
            }

            if (error < least)
            {
                (best, least) = (scale, error);
            }
        }

        return best;
    }

    // What a row's scale times the largest factor has to be: sixteen codes cover the range, and no whole number is beyond 127.
    private static float Step(float low, float high) => MathF.Max((high - low) / Largest, MathF.Max(-low, high) * Largest / RowQuantizer.Largest);

    // The factor and zero of a group with the least error. A fit looks further: at steps that clip, and at every zero between the two ends.
    private static (int Factor, int Zero, float Error) Choice(Int4Row row, int start, float scale)
    {
        (float low, float high) = row.Range(start);
        int most = Math.Clamp((int)MathF.Ceiling((high - low) / (Largest * scale)), 1, Largest), fewest = Math.Max(1, most - FactorsTried + 1);
        (int Factor, int Zero, float Error) best = (1, 0, float.PositiveInfinity);
        for (int factor = most; factor >= (row.IsFitted ? Math.Min(fewest, Math.Max(1, most / 2)) : fewest); factor--)
        {
            float step = scale * factor;
            int first = (int)MathF.Round(-low / step), last = first;
            if (row.IsFitted)
            {
                int other = (int)MathF.Round(Largest - (high / step));
                (first, last) = (Math.Min(first, other), Math.Max(last, other));
            }

            for (int zero = Math.Max(0, first - 1); zero <= Math.Min(Largest, last + 1); zero++)
            {
                if (factor * Math.Max(zero, Largest - zero) <= RowQuantizer.Largest && row.Error(start, step, zero) is var error && error < best.Error)
                {
                    best = (factor, zero, error);
                }
            }
        }

        return best;
    }
}
