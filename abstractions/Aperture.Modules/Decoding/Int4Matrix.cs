using System.Runtime.Intrinsics.X86;
using Aperture.Kernels;
using Aperture.Models;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// A matrix in four bits: codes from 0 to 15 in groups of 32 along the inputs, with a factor and a zero each. An element is its output's scale times its
/// group's factor times (code - zero); factor times (code - zero) is a whole number from -127 to 127, so that few rows, multiplied from the packed codes, and
/// many, for which the matrix is widened to eight bits, give the same bits. Owns its tensors.
/// </summary>
public sealed class Int4Matrix : QuantizedMatrix
{
    private const int CodesPerWord = 8;

    private readonly Tensor _codes; // [out, groups, 16], uint8, or [out, in / 8], int32: two codes a byte
    private readonly Tensor _factors; // [out, groups], uint8
    private readonly Tensor _shifts; // [out, groups], uint8: factor times zero

    private Int4Matrix(int inputs, Tensor codes, Tensor factors, Tensor shifts, Tensor scales, Tensor? bias, Ops ops)
        : base((int)codes.size(0), inputs, scales, bias, ops, ScalarType.Byte)
        => (_codes, _factors, _shifts) = (codes.DetachFromDisposeScope(), factors.DetachFromDisposeScope(), shifts.DetachFromDisposeScope());

    /// <inheritdoc />
    public override long StoredBytes => Bytes(_codes) + Bytes(_factors) + Bytes(_shifts) + Bytes(Scales) + (Bias is { } own ? Bytes(own) : 0);

    /// <summary>Quantises a matrix.</summary>
    /// <param name="weight">The matrix <c>[out, in]</c> in float32, bf16 or float16, on the CPU; borrowed.</param>
    /// <param name="bias">The bias <c>[out]</c> in the type computed in, or null; owned, also if this throws.</param>
    /// <param name="ops">The operations whose threads multiply; borrowed, must outlive the matrix.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ApertureException">A weight is infinite or no number, or rows are too wide for sums of 32 bits.</exception>
    public static Int4Matrix Quantize(Tensor weight, Tensor? bias, Ops ops, string name = "A matrix") => Quantize(weight, bias, ops, name, 1, null);

    /// <summary>Quantises a matrix with larger groups or to the least error that counts.</summary>
    /// <param name="weight">As in <see cref="Quantize(Tensor, Tensor?, Ops, string)"/>.</param>
    /// <param name="bias">As there.</param>
    /// <param name="ops">As there.</param>
    /// <param name="name">As there.</param>
    /// <param name="together">Groups of 32 that share a factor and a zero.</param>
    /// <param name="importance">float32 <c>[in]</c>: how much the square of an input's error counts; null rounds to nearest. Borrowed.</param>
    /// <exception cref="ApertureException">As there.</exception>
    internal static Int4Matrix Quantize(Tensor weight, Tensor? bias, Ops ops, string name, int together, Tensor? importance)
    {
        (int outputs, int inputs) = ((int)weight.size(0), (int)weight.size(1));
        int groups = Int4Weights.GroupsOf(inputs);
        Tensor codes = empty(outputs, groups, Int4Weights.Group / 2, dtype: ScalarType.Byte), scales = empty(outputs);
        Tensor factors = empty(outputs, groups, dtype: ScalarType.Byte), shifts = empty(outputs, groups, dtype: ScalarType.Byte);
        try
        {
            RequireWidth(inputs, name);
            HugePages.Ask(codes);
            Int4Encoder.Encode(ops.Team, weight, codes, factors, shifts, scales, together, importance);
            RequireFinite(scales, name);
            return new Int4Matrix(inputs, codes, factors, shifts, scales, bias, ops);
        }
        catch
        {
            codes.Dispose();
            factors.Dispose();
            shifts.Dispose();
            scales.Dispose();
            bias?.Dispose();
            throw;
        }
    }

    /// <summary>The matrix over codes as a checkpoint stores them, without a copy of them.</summary>
    /// <param name="stored">The codes; owned, also if this throws or finds no scales.</param>
    /// <param name="bias">The bias <c>[out]</c> in the type computed in, or null; owned if there is a matrix.</param>
    /// <param name="ops">The operations whose threads multiply; borrowed, must outlive the matrix.</param>
    /// <returns>The matrix, whose numbers are exactly the stored ones; null where its groups' scales are no small multiples of one scale a row.</returns>
    internal static unsafe Int4Matrix? Over(Int4Codes stored, Tensor? bias, Ops ops)
    {
        int outputs = (int)stored.Words.size(0), inputs = (int)stored.Words.size(1) * CodesPerWord, given = (int)stored.Scales.size(1);
        int groups = Int4Weights.GroupsOf(inputs), repeat = groups / given;
        Tensor scales = empty(outputs), factors = empty(outputs, groups, dtype: ScalarType.Byte), shifts = empty(outputs, groups, dtype: ScalarType.Byte);
        nint source = (nint)TensorMemory.Pointer(stored.Scales), zeros = (nint)TensorMemory.Pointer(stored.Zeros);
        nint ps = (nint)TensorMemory.Pointer(scales), pf = (nint)TensorMemory.Pointer(factors), pz = (nint)TensorMemory.Pointer(shifts);
        int chunks = Gemv.Chunks(ops.Team, outputs, groups);
        ops.Team.Run(chunks, chunk =>
        {
            (int from, int to) = Gemv.Range(outputs, chunks, chunk);
            for (int row = from; row < to; row++)
            {
                long at = (long)row * groups, own = (long)row * given;
                ((float*)ps)[row] = Int4Scales.Split((float*)source + own, (byte*)zeros + own, given, repeat, (byte*)pf + at, (byte*)pz + at);
            }
        });
        stored.Scales.Dispose();
        stored.Zeros.Dispose();
        using Tensor finite = scales.isfinite(), all = finite.all();
        if (inputs <= Int8Product.MaximumInputs && all.item<bool>())
        {
            return new Int4Matrix(inputs, stored.Words, factors, shifts, scales, bias, ops);
        }

        Array.ForEach([stored.Words, factors, shifts, scales], tensor => tensor.Dispose());
        return null;
    }

    /// <summary>What a checkpoint stores of the matrix, whose width is a multiple of the group; the caller disposes it.</summary>
    /// <param name="together">Groups of 32 that share a factor and a zero.</param>
    internal unsafe Int4Codes Stored(int together)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor factors = _factors.view(Outputs, -1, together).select(2, 0); // [out, groups] -> [out, groups / together]
        Tensor shifts = _shifts.view(Outputs, -1, together).select(2, 0);
        Tensor scales = factors.to_type(ScalarType.Float32).mul_(Scales.unsqueeze(1));
        Tensor zeros = shifts.div(factors.clamp_min(1), RoundingMode.floor).to_type(ScalarType.Byte);
        Tensor words = empty(Outputs, Inputs / CodesPerWord, dtype: ScalarType.Int32); // [out, groups, 16] -> [out, in / 8]
        Buffer.MemoryCopy(TensorMemory.Pointer(_codes), TensorMemory.Pointer(words), Bytes(words), Bytes(_codes));
        return new Int4Codes(words.MoveToOuterDisposeScope(), scales.MoveToOuterDisposeScope(), zeros.MoveToOuterDisposeScope());
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _codes.Dispose();
        _factors.Dispose();
        _shifts.Dispose();
        base.Dispose();
    }

    /// <summary>The matrix as the kernels read it.</summary>
    internal unsafe Int4Weights Kernel() => new()
    {
        Codes = (byte*)TensorMemory.Pointer(_codes),
        Factors = (byte*)TensorMemory.Pointer(_factors),
        Shifts = (byte*)TensorMemory.Pointer(_shifts),
        Scales = (float*)TensorMemory.Pointer(Scales),
        Bias = BiasPointer,
        Outputs = Outputs,
        Inputs = Inputs,
    };

    private protected override unsafe void Multiply(QuantizedRows x, void* y, bool halves)
    {
        Int4Weights weights = Kernel();
        if (Int8Product.IsManaged(x.Rows))
        {
            Int4Kernel kernel = new(weights, Avx2.IsSupported);
            Int8Product.Managed(Ops.Team, x, kernel, weights.Scales, weights.Bias, Outputs, Inputs, y, halves);
            return;
        }

        // Many rows: this one matrix is widened for the call.
        using Tensor wide = WholeNumbers();
        Int8Weights eight = new()
        {
            Codes = (sbyte*)TensorMemory.Pointer(wide),
            Scales = weights.Scales,
            Sums = null, // the library's product has no use for them
            Bias = weights.Bias,
            Outputs = Outputs,
            Inputs = Inputs,
        };
        Int8Product.ByLibrary(Ops.Team, x, eight, wide, y, halves);
    }

    private protected override unsafe Tensor WholeNumbers()
    {
        Tensor wide = empty(Outputs, Inputs, dtype: ScalarType.Int8);
        nint target = (nint)TensorMemory.Pointer(wide);
        Int4Kernel kernel = new(Kernel(), Avx2.IsSupported);
        (int outputs, int inputs, int chunks) = (Outputs, Inputs, Gemv.Chunks(Ops.Team, Outputs, Inputs));
        Ops.Team.Run(chunks, chunk =>
        {
            (int from, int to) = Gemv.Range(outputs, chunks, chunk);
            for (int output = from; output < to; output++)
            {
                kernel.Widen(output, (sbyte*)target + ((long)output * inputs));
            }
        });
        return wide; // [out, groups, 16] -> [out, in]
    }
}
