using Aperture.Kernels;
using Aperture.Models;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>A matrix in eight bits: an element is its output's scale times a code from -127 to 127, rounded to nearest. Owns its tensors.</summary>
public sealed class Int8Matrix : QuantizedMatrix
{
    private readonly Lock _summing = new();
    private Tensor? _sums; // [out], int32: the sum of an output's codes

    private Int8Matrix(Tensor codes, Tensor scales, Tensor? sums, Tensor? bias, Ops ops)
        : base((int)codes.size(0), (int)codes.size(1), scales, bias, ops, ScalarType.Int8)
        => (Codes, _sums) = (codes.DetachFromDisposeScope(), sums?.DetachFromDisposeScope());

    /// <summary>The codes <c>[out, in]</c>, int8. Borrowed.</summary>
    public Tensor Codes { get; }

    /// <inheritdoc />
    public override long StoredBytes => Bytes(Codes) + Bytes(Scales) + ((long)Outputs * sizeof(int)) + (Bias is { } own ? Bytes(own) : 0);

    /// <summary>Quantises a matrix.</summary>
    /// <param name="weight">The matrix <c>[out, in]</c> in float32, bf16 or float16, on the CPU; borrowed.</param>
    /// <param name="bias">The bias <c>[out]</c> in the type computed in, or null; owned, also if this throws.</param>
    /// <param name="ops">The operations whose threads multiply; borrowed, must outlive the matrix.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ApertureException">A weight is infinite or no number, or rows are too wide for sums of 32 bits.</exception>
    public static Int8Matrix Quantize(Tensor weight, Tensor? bias, Ops ops, string name = "A matrix")
    {
        (long outputs, long inputs) = (weight.size(0), weight.size(1));
        Tensor codes = empty(outputs, inputs, dtype: ScalarType.Int8), scales = empty(outputs), sums = empty(outputs, dtype: ScalarType.Int32);
        try
        {
            RequireWidth((int)inputs, name);
            HugePages.Ask(codes);
            Int8Encoder.Encode(ops.Team, weight, codes, scales, sums);
            RequireFinite(scales, name);
            return new Int8Matrix(codes, scales, sums, bias, ops);
        }
        catch
        {
            codes.Dispose();
            scales.Dispose();
            sums.Dispose();
            bias?.Dispose();
            throw;
        }
    }

    /// <summary>The matrix over codes as a checkpoint stores them, without a copy and without reading them.</summary>
    /// <param name="stored">The codes; owned, also if this throws.</param>
    /// <param name="bias">The bias <c>[out]</c> in the type computed in, or null; owned, also if this throws.</param>
    /// <param name="ops">The operations whose threads multiply; borrowed, must outlive the matrix.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ApertureException">A scale is infinite or no number, or rows are too wide for sums of 32 bits.</exception>
    internal static Int8Matrix Over(Int8Codes stored, Tensor? bias, Ops ops, string name)
    {
        try
        {
            RequireWidth((int)stored.Codes.size(1), name);
            RequireFinite(stored.Scales, name);
            return new Int8Matrix(stored.Codes, stored.Scales, null, bias, ops);
        }
        catch
        {
            stored.Dispose();
            bias?.Dispose();
            throw;
        }
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        Codes.Dispose();
        _sums?.Dispose();
        base.Dispose();
    }

    /// <summary>The matrix as the kernels read it.</summary>
    internal unsafe Int8Weights Kernel() => new()
    {
        Codes = (sbyte*)TensorMemory.Pointer(Codes),
        Scales = (float*)TensorMemory.Pointer(Scales),
        Sums = (int*)TensorMemory.Pointer(Sums()),
        Bias = BiasPointer,
        Outputs = Outputs,
        Inputs = Inputs,
    };

    private protected override unsafe void Multiply(QuantizedRows x, void* y, bool halves) => Int8Product.Run(Ops.Team, x, Kernel(), Codes, y, halves);

    private protected override Tensor WholeNumbers() => Codes.alias();

    // Stored codes are summed at the first product, which reads them anyway.
    private Tensor Sums()
    {
        lock (_summing)
        {
            if (_sums is null)
            {
                Tensor sums = empty(Outputs, dtype: ScalarType.Int32).DetachFromDisposeScope(); // outlives whatever scope the first product ran in
                Int8Encoder.Sum(Ops.Team, Codes, sums);
                _sums = sums;
            }

            return _sums;
        }
    }
}
