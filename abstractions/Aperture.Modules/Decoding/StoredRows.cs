using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Keys or values of a layer as a cache stores them.</summary>
/// <param name="Rows"><c>[kv heads, keys, head]</c> in float32, bf16 or int8; a row of a head has no gaps.</param>
/// <param name="Scales">float32 <c>[kv heads, keys]</c>, the factor of each row of codes, next to one another; null where rows are no codes.</param>
internal readonly record struct StoredRows(Tensor Rows, Tensor? Scales) : IDisposable
{
    /// <summary>Disposes both.</summary>
    public void Dispose()
    {
        Rows.Dispose();
        Scales?.Dispose();
    }
}
