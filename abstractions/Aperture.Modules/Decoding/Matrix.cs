using Aperture.Kernels;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>The weight <c>[out, in]</c> of a linear layer and its optional bias <c>[out]</c>, in whatever form it is stored. Owns its tensors.</summary>
public abstract class Matrix : IDisposable
{
    private protected Matrix(int outputs, int inputs, Tensor? bias, ScalarType storedType)
    {
        Outputs = outputs;
        Inputs = inputs;
        Bias = bias;
        StoredType = storedType;
    }

    /// <summary>Output width.</summary>
    public int Outputs { get; }

    /// <summary>Input width.</summary>
    public int Inputs { get; }

    /// <summary>The bias <c>[out]</c> in the type computed in; null without one. Borrowed.</summary>
    public Tensor? Bias { get; }

    /// <summary>Element type of what is stored; may be narrower than the one computed in.</summary>
    public ScalarType StoredType { get; }

    /// <summary>Bytes of everything that is stored, the bias included.</summary>
    public abstract long StoredBytes { get; }

    /// <summary>Multiply-accumulates of one row.</summary>
    public long RowMacs => (long)Inputs * Outputs;

    /// <summary><c>x Wᵀ + b</c>.</summary>
    /// <param name="x">Rows <c>[…, in]</c> in the type computed in; borrowed.</param>
    /// <returns>Rows <c>[…, out]</c> in the type of <paramref name="x"/>; the caller disposes them.</returns>
    public abstract Tensor Apply(Tensor x);

    /// <summary>The weight as a dense tensor, for methods that merge into it.</summary>
    /// <returns>
    /// <c>[out, in]</c>: where the matrix is stored dense what is stored, without a copy and not to be written to; else in the type computed in. The caller
    /// disposes it.
    /// </returns>
    public abstract Tensor Dense();

    /// <summary>The tensors that training may turn into parameters: weight and bias where the weight is stored dense, else the bias alone.</summary>
    /// <param name="name">The published name without <c>.weight</c>.</param>
    /// <returns>Published names and borrowed tensors.</returns>
    public virtual IEnumerable<(string Name, Tensor Tensor)> Named(string name) => Bias is { } bias ? [(name + ".bias", bias)] : [];

    /// <summary>The published names of what it was loaded from.</summary>
    /// <param name="name">The published name without <c>.weight</c>.</param>
    public IEnumerable<string> Names(string name) => Bias is null ? [name + ".weight"] : [name + ".weight", name + ".bias"];

    /// <summary>Disposes the tensors.</summary>
    public virtual void Dispose()
    {
        Bias?.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static long Bytes(Tensor tensor) => tensor.numel() * tensor.element_size();

    /// <summary>Whether <see cref="TimesRow"/> reads this storage.</summary>
    internal virtual bool HasRowKernel => false;

    /// <summary>One row times the matrix in a managed kernel on the CPU, summed in float32.</summary>
    /// <param name="team">The threads.</param>
    /// <param name="row">The row, <see cref="Inputs"/> elements: bf16 where <paramref name="halves"/>, else float32.</param>
    /// <param name="halves">Whether the row is bf16.</param>
    /// <param name="bias">The bias widened to float32; null for none.</param>
    /// <param name="scratch">Room for <see cref="Inputs"/> numbers.</param>
    /// <param name="result">Gets <see cref="Outputs"/> numbers.</param>
    internal virtual unsafe void TimesRow(WorkerTeam team, void* row, bool halves, float* bias, float* scratch, float* result)
        => throw new NotSupportedException($"{GetType().Name} has no kernel for one row.");
}
