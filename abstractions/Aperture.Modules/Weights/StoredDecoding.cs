namespace Aperture.Weights;

/// <summary>How stored bytes become a tensor.</summary>
internal enum StoredDecoding
{
    /// <summary>The bytes are the tensor's memory.</summary>
    AsIs,

    /// <summary>Unsigned integers widened to the next signed type.</summary>
    Widen,

    /// <summary>One byte a value, through a table.</summary>
    Float8,

    /// <summary>No decoding exists.</summary>
    None,
}
