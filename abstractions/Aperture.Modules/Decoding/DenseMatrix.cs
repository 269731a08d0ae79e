using Aperture.Kernels;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Decoding;

/// <summary>
/// A matrix stored as the checkpoint has it: float32, bf16 or float16, row-major. Narrower than the type computed in, it is widened for each call.
/// </summary>
/// <param name="weight">The matrix <c>[out, in]</c>; owned.</param>
/// <param name="bias">The bias <c>[out]</c>, or null; owned.</param>
public sealed class DenseMatrix(Tensor weight, Tensor? bias = null) : Matrix((int)weight.size(0), (int)weight.size(1), bias, weight.dtype)
{
    /// <summary>The matrix <c>[out, in]</c>. Borrowed.</summary>
    public Tensor Weight => weight;

    /// <inheritdoc />
    public override long StoredBytes => Bytes(weight) + (Bias is { } own ? Bytes(own) : 0);

    /// <inheritdoc />
    public override Tensor Apply(Tensor x)
    {
        if (x.dtype == StoredType)
        {
            return F.linear(x, weight, Bias); // [..., in] -> [..., out]
        }

        // Stored narrower than computed in: this one matrix is widened for the call.
        using Tensor widened = weight.to_type(x.dtype);
        return F.linear(x, widened, Bias);
    }

    /// <inheritdoc />
    public override Tensor Dense() => weight.alias();

    /// <inheritdoc />
    public override IEnumerable<(string Name, Tensor Tensor)> Named(string name) => [(name + ".weight", weight), .. base.Named(name)];

    /// <inheritdoc />
    public override void Dispose()
    {
        weight.Dispose();
        base.Dispose();
    }

    /// <inheritdoc />
    internal override bool HasRowKernel => StoredType is ScalarType.Float32 or ScalarType.BFloat16;

    /// <inheritdoc />
    internal override unsafe void TimesRow(WorkerTeam team, void* row, bool halves, float* bias, float* scratch, float* result)
    {
        void* matrix = TensorMemory.Pointer(weight);
        if (StoredType == ScalarType.BFloat16)
        {
            Gemv.Bf16(team, (ushort*)matrix, row, halves, bias, result, Outputs, Inputs);
        }
        else
        {
            Gemv.Single(team, (float*)matrix, Bf16.AsSingle(row, scratch, Inputs, halves), bias, result, Outputs, Inputs);
        }
    }
}
