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

    /// <summary>Rows that a method computed as the kernels read them: in the type computed in, row after row. The source is consumed.</summary>
    /// <param name="given">The method's rows.</param>
    /// <param name="type">The type computed in.</param>
    public static Tensor Accept(Tensor given, ScalarType type)
    {
        if (given.dtype == type && given.is_contiguous())
        {
            return given;
        }

        using (given)
        {
            using Tensor converted = given.to_type(type);
            return converted.contiguous();
        }
    }
}
