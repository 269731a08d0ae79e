using static TorchSharp.torch;

namespace Aperture.Kernels;

/// <summary>An element of a row that is too large for the row's scale, or infinite. It is multiplied in float32.</summary>
/// <param name="Column">Where it stands.</param>
/// <param name="Value">Its value.</param>
internal readonly record struct Outlier(int Column, float Value);

/// <summary>
/// Rows of activations in eight bits: an element is its row's scale times its code, plus the row's outliers, whose codes are 0. Every row is quantised by
/// itself, so it does not matter which others stand beside it. Owns its codes.
/// </summary>
/// <param name="codes">Codes <c>[rows, width]</c>, int8, from -127 to 127; owned.</param>
/// <param name="scales">A scale a row; NaN for a row with a NaN.</param>
/// <param name="outliers">The outliers of each row by ascending column.</param>
internal sealed unsafe class QuantizedRows(Tensor codes, float[] scales, Outlier[][] outliers) : IDisposable
{
    public Tensor Codes => codes;

    public float[] Scales => scales;

    public Outlier[][] Outliers => outliers;

    public int Rows => scales.Length;

    public sbyte* Row(int row, int width) => (sbyte*)TensorMemory.Pointer(codes) + ((long)row * width);

    public void Dispose() => codes.Dispose();
}
