using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Gathers packed rows.</summary>
internal static class Rows
{
    /// <summary>The rows of an index; the source is consumed.</summary>
    public static Tensor Select(Tensor rows, Tensor index)
    {
        using (rows)
        {
            return rows.index_select(0, index);
        }
    }
}
