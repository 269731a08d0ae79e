using System.Collections.Frozen;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>An element type as files name it, and what becomes of it in memory.</summary>
/// <param name="Name">The name in safetensors headers.</param>
/// <param name="Bits">Bits an element takes in the file.</param>
/// <param name="Loaded">The element type of the loaded tensor.</param>
/// <param name="Decoding">How the stored bytes become that type.</param>
internal sealed record StoredType(string Name, int Bits, ScalarType Loaded, StoredDecoding Decoding)
{
    private static readonly FrozenDictionary<string, StoredType> _byName = new StoredType[]
    {
        new("BOOL", 8, ScalarType.Bool, StoredDecoding.AsIs),
        new("U8", 8, ScalarType.Byte, StoredDecoding.AsIs),
        new("I8", 8, ScalarType.Int8, StoredDecoding.AsIs),
        new("I16", 16, ScalarType.Int16, StoredDecoding.AsIs),
        new("I32", 32, ScalarType.Int32, StoredDecoding.AsIs),
        new("I64", 64, ScalarType.Int64, StoredDecoding.AsIs),
        new("F16", 16, ScalarType.Float16, StoredDecoding.AsIs),
        new("BF16", 16, ScalarType.BFloat16, StoredDecoding.AsIs),
        new("F32", 32, ScalarType.Float32, StoredDecoding.AsIs),
        new("F64", 64, ScalarType.Float64, StoredDecoding.AsIs),
        new("C64", 64, ScalarType.ComplexFloat32, StoredDecoding.AsIs),
        new("U16", 16, ScalarType.Int32, StoredDecoding.Widen),
        new("U32", 32, ScalarType.Int64, StoredDecoding.Widen),
        new("U64", 64, ScalarType.Int64, StoredDecoding.Widen),
        new("F8_E4M3", 8, ScalarType.Float32, StoredDecoding.Float8),
        new("F8_E5M2", 8, ScalarType.Float32, StoredDecoding.Float8),
        new("F8_E8M0", 8, ScalarType.Float32, StoredDecoding.Float8),
        new("F8_E4M3FNUZ", 8, ScalarType.Float32, StoredDecoding.Float8),
        new("F8_E5M2FNUZ", 8, ScalarType.Float32, StoredDecoding.Float8),
        new("F4", 4, ScalarType.Float32, StoredDecoding.None),
        new("F6_E2M3", 6, ScalarType.Float32, StoredDecoding.None),
        new("F6_E3M2", 6, ScalarType.Float32, StoredDecoding.None),
    }.ToFrozenDictionary(type => type.Name, StringComparer.Ordinal);

    public static IEnumerable<string> AllNames => _byName.Keys.Order(StringComparer.Ordinal);

    /// <summary>
    /// The alignment in bytes that libtorch needs to use the stored bytes in place (complex numbers are pairs); 1 where they are decoded anyway.
    /// </summary>
    public int Alignment => Decoding != StoredDecoding.AsIs ? 1 : Loaded is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64 ? Bits / 16 : Bits / 8;

    public static StoredType? Find(string name) => _byName.GetValueOrDefault(name);

    public static StoredType Get(string name) => _byName[name];

    /// <summary>The stored type that keeps a tensor of this element type as it is; null for types the format has no name for.</summary>
    public static StoredType? For(ScalarType type) =>
        _byName.Values.FirstOrDefault(stored => stored.Decoding == StoredDecoding.AsIs && stored.Loaded == type);
}
