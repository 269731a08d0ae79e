namespace Aperture.Decoding;

/// <summary>The names of weight formats, as options and files write them.</summary>
public static class WeightFormats
{
    /// <summary>The name of <see cref="WeightFormat.Stored"/>.</summary>
    public const string Stored = "stored";

    /// <summary>The name of <see cref="WeightFormat.Int8"/>.</summary>
    public const string Int8 = "int8";

    /// <summary>The name of <see cref="WeightFormat.Int4"/>.</summary>
    public const string Int4 = "int4";

    /// <summary>The format of a name; null for a name of none.</summary>
    public static WeightFormat? Find(string name) => name switch
    {
        Stored => WeightFormat.Stored,
        Int8 => WeightFormat.Int8,
        Int4 => WeightFormat.Int4,
        _ => null,
    };
}
