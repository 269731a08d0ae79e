using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>A matrix whose inputs are measured. Owns the matrix.</summary>
/// <param name="matrix">The matrix.</param>
/// <param name="weight">Gets the inputs.</param>
internal sealed class WatchedMatrix(Matrix matrix, WatchedWeight weight) : Matrix(matrix.Outputs, matrix.Inputs, matrix.Bias, matrix.StoredType)
{
    /// <inheritdoc />
    public override long StoredBytes => matrix.StoredBytes;

    /// <inheritdoc />
    public override Tensor Apply(Tensor x)
    {
        weight.Add(x);
        return matrix.Apply(x);
    }

    /// <inheritdoc />
    public override Tensor Dense() => matrix.Dense();

    /// <inheritdoc />
    public override IEnumerable<(string Name, Tensor Tensor)> Named(string name) => matrix.Named(name);

    /// <inheritdoc />
    public override void Dispose()
    {
        matrix.Dispose();
        base.Dispose();
    }
}
