using Aperture.Kernels;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// A matrix of small integers on the CPU: an element is its output's scale times a whole number from -127 to 127. Rows are quantised one by one as they come,
/// with a scale each; elements beyond six times their row's root mean square are multiplied in float32 beside it. A row's result is the same for any number of
/// threads and of rows beside it.
/// </summary>
public abstract class QuantizedMatrix : Matrix
{
    private readonly Tensor? _wideBias; // [out], float32

    private protected QuantizedMatrix(int outputs, int inputs, Tensor scales, Tensor? bias, Ops ops, ScalarType storedType)
        : base(outputs, inputs, bias, storedType)
    {
        // A matrix lives as long as its owner says, whatever scope it was loaded in.
        (Scales, Ops) = (scales.DetachFromDisposeScope(), ops);
        bias?.DetachFromDisposeScope();
        _wideBias = bias?.to_type(ScalarType.Float32, copy: true).DetachFromDisposeScope();
    }

    /// <summary>The scale of each output <c>[out]</c>, float32. Borrowed.</summary>
    public Tensor Scales { get; }

    /// <summary>The operations whose threads multiply.</summary>
    private protected Ops Ops { get; }

    /// <summary>The bias in float32; null for none.</summary>
    private protected unsafe float* BiasPointer => _wideBias is null ? null : (float*)TensorMemory.Pointer(_wideBias);

    /// <inheritdoc />
    public override unsafe Tensor Apply(Tensor x)
    {
        if (x.requires_grad && is_grad_enabled())
        {
            throw new NotSupportedException("A quantised matrix has no gradient; open the model without --weights (Weights) to train on it.");
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
            using QuantizedRows quantized = RowQuantizer.Quantize(Ops.Team, TensorMemory.Pointer(packed), halves, rows, Inputs);
            Multiply(quantized, TensorMemory.Pointer(y), halves);
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
        using Tensor codes = WholeNumbers(), wide = codes.to_type(ScalarType.Float32), column = Scales.unsqueeze(1);
        using Tensor weight = wide.mul(column);
        return weight.to_type(Ops.Type, copy: true);
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        Scales.Dispose();
        _wideBias?.Dispose();
        base.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Multiplies rows.</summary>
    /// <param name="x">The rows.</param>
    /// <param name="y">Gets <c>[rows, out]</c>.</param>
    /// <param name="halves">Whether the result is bf16, else float32.</param>
    private protected abstract unsafe void Multiply(QuantizedRows x, void* y, bool halves);

    /// <summary>The whole numbers <c>[out, in]</c>, int8; the caller disposes them.</summary>
    private protected abstract Tensor WholeNumbers();

    /// <summary>Fails where a matrix cannot be quantised.</summary>
    /// <param name="inputs">Its width.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ApertureException">Its rows are too wide for sums of 32 bits.</exception>
    private protected static void RequireWidth(int inputs, string name)
    {
        if (inputs > Int8Product.MaximumInputs)
        {
            throw new ApertureException(
                $"{name} has rows of {inputs}, but eight bits are summed for at most {Int8Product.MaximumInputs}; use --weights stored.");
        }
    }

    /// <summary>Fails where a row could not be encoded.</summary>
    /// <param name="scales">The rows' scales, not finite where a row is not.</param>
    /// <param name="name">What messages call the matrix.</param>
    /// <exception cref="ApertureException">A scale is not finite.</exception>
    private protected static void RequireFinite(Tensor scales, string name)
    {
        using Tensor finite = scales.isfinite();
        using Tensor all = finite.all();
        if (!all.item<bool>())
        {
            throw new ApertureException(
                $"{name} holds a weight that is infinite or no number, which few bits cannot; mend the checkpoint, or keep it as stored (--weights stored).");
        }
    }
}
