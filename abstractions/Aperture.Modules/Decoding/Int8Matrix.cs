using Aperture.Kernels;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// A matrix in eight bits on the CPU: an element is its output's scale times a code from -127 to 127, rounded to nearest. Rows are quantised one by one as they
/// come, with a scale each; elements beyond six times their row's root mean square are multiplied in float32 beside it. A row's result is the same for any
/// number of threads and of rows beside it.
/// </summary>
public sealed class Int8Matrix : Matrix
{
    private readonly Ops _ops;
    private readonly Tensor _codes; // [out, in], int8
    private readonly Tensor _scales; // [out], float32
    private readonly Tensor _sums; // [out], int32: the sum of an output's codes
    private readonly Tensor? _wideBias; // [out], float32

    private Int8Matrix(Tensor codes, Tensor scales, Tensor sums, Tensor? bias, Ops ops)
        : base((int)codes.size(0), (int)codes.size(1), bias, ScalarType.Int8)
    {
        (_codes, _scales, _sums, _ops) = (codes, scales, sums, ops);
        _wideBias = bias?.to_type(ScalarType.Float32, copy: true);
    }

    /// <summary>The codes <c>[out, in]</c>, int8. Borrowed.</summary>
    public Tensor Codes => _codes;

    /// <summary>The scale of each output <c>[out]</c>, float32. Borrowed.</summary>
    public Tensor Scales => _scales;

    /// <inheritdoc />
    public override long StoredBytes => Bytes(_codes) + Bytes(_scales) + Bytes(_sums) + (Bias is { } own ? Bytes(own) : 0);

    /// <summary>Quantises a matrix.</summary>
    /// <param name="weight">The matrix <c>[out, in]</c> in float32, bf16 or float16, on the CPU; borrowed.</param>
    /// <param name="bias">The bias <c>[out]</c> in the type computed in, or null; owned, also if this throws.</param>
    /// <param name="ops">The operations whose threads multiply; borrowed, must outlive the matrix.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ApertureException">A weight is infinite or no number, or rows are too wide for sums of 32 bits.</exception>
    public static unsafe Int8Matrix Quantize(Tensor weight, Tensor? bias, Ops ops, string name = "A matrix")
    {
        (int outputs, int inputs) = ((int)weight.size(0), (int)weight.size(1));
        Tensor codes = empty(outputs, inputs, dtype: ScalarType.Int8), scales = empty(outputs), sums = empty(outputs, dtype: ScalarType.Int32);
        try
        {
            RequireWidth(inputs, name);
            HugePages.Ask(codes);
            Int8Encoder.Encode(ops.Team, weight, codes, scales, sums);
            using Tensor finite = scales.isfinite();
            using Tensor all = finite.all();
            return all.item<bool>() ? new Int8Matrix(codes, scales, sums, bias, ops)
                : throw new ApertureException($"{name} holds a weight that is infinite or no number, which eight bits cannot; leave --weights (Weights) out.");
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

    /// <inheritdoc />
    public override unsafe Tensor Apply(Tensor x)
    {
        if (x.requires_grad && is_grad_enabled())
        {
            throw new NotSupportedException("A matrix in eight bits has no gradient; open the model without --weights (Weights) to train on it.");
        }

        long[] shape = x.shape;
        int rows = 1;
        for (int i = 0; i < shape.Length - 1; i++)
        {
            rows *= (int)shape[i];
        }

        // bf16 and float32 are read and written as they are, others by way of float32.
        bool halves = x.dtype == ScalarType.BFloat16, direct = halves || x.dtype == ScalarType.Float32;
        using Tensor typed = direct ? x.alias() : x.to_type(ScalarType.Float32);
        using Tensor packed = typed.contiguous();
        shape[^1] = Outputs;
        Tensor y = empty(shape, dtype: packed.dtype); // [..., in] -> [..., out]
        if (rows > 0)
        {
            using QuantizedRows quantized = RowQuantizer.Quantize(_ops.Team, TensorMemory.Pointer(packed), halves, rows, Inputs);
            Int8Product.Run(_ops.Team, quantized, Kernel(), _codes, TensorMemory.Pointer(y), halves);
        }

        if (direct)
        {
            return y;
        }

        using (y)
        {
            return y.to_type(x.dtype);
        }
    }

    /// <inheritdoc />
    public override Tensor Dense()
    {
        using Tensor wide = _codes.to_type(ScalarType.Float32), column = _scales.unsqueeze(1);
        using Tensor weight = wide.mul_(column).alias();
        return weight.to_type(_ops.Type, copy: true);
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
        _sums.Dispose();
        _wideBias?.Dispose();
        base.Dispose();
    }

    private static void RequireWidth(int inputs, string name)
    {
        if (inputs > Int8Product.MaximumInputs)
        {
            throw new ApertureException(
                $"{name} has rows of {inputs}, but eight bits are summed for at most {Int8Product.MaximumInputs}; leave --weights (Weights) out.");
        }
    }

    /// <summary>The matrix as the kernels read it.</summary>
    internal unsafe Int8Weights Kernel() => new()
    {
        Codes = (sbyte*)TensorMemory.Pointer(_codes),
        Scales = (float*)TensorMemory.Pointer(_scales),
        Sums = (int*)TensorMemory.Pointer(_sums),
        Bias = _wideBias is null ? null : (float*)TensorMemory.Pointer(_wideBias),
        Outputs = Outputs,
        Inputs = Inputs,
    };
}
