using System.Collections.Frozen;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>PyTorch's and numpy's names of element types.</summary>
internal static class TorchTypes
{
    private static readonly StoredType _complexDouble = new("C128", 128, ScalarType.ComplexFloat64, StoredDecoding.AsIs);

    private static readonly FrozenDictionary<string, StoredType> _dtypes = new Dictionary<string, StoredType>
    {
        ["float64"] = StoredType.Get("F64"),
        ["float32"] = StoredType.Get("F32"),
        ["float16"] = StoredType.Get("F16"),
        ["bfloat16"] = StoredType.Get("BF16"),
        ["int64"] = StoredType.Get("I64"),
        ["int32"] = StoredType.Get("I32"),
        ["int16"] = StoredType.Get("I16"),
        ["int8"] = StoredType.Get("I8"),
        ["uint8"] = StoredType.Get("U8"),
        ["uint16"] = StoredType.Get("U16"),
        ["uint32"] = StoredType.Get("U32"),
        ["uint64"] = StoredType.Get("U64"),
        ["bool"] = StoredType.Get("BOOL"),
        ["complex64"] = StoredType.Get("C64"),
        ["complex128"] = _complexDouble,
        ["float8_e4m3fn"] = StoredType.Get("F8_E4M3"),
        ["float8_e5m2"] = StoredType.Get("F8_E5M2"),
        ["float8_e4m3fnuz"] = StoredType.Get("F8_E4M3FNUZ"),
        ["float8_e5m2fnuz"] = StoredType.Get("F8_E5M2FNUZ"),
        ["float8_e8m0fnu"] = StoredType.Get("F8_E8M0"),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, StoredType> _storages = new Dictionary<string, StoredType>
    {
        ["DoubleStorage"] = StoredType.Get("F64"),
        ["FloatStorage"] = StoredType.Get("F32"),
        ["HalfStorage"] = StoredType.Get("F16"),
        ["BFloat16Storage"] = StoredType.Get("BF16"),
        ["LongStorage"] = StoredType.Get("I64"),
        ["IntStorage"] = StoredType.Get("I32"),
        ["ShortStorage"] = StoredType.Get("I16"),
        ["CharStorage"] = StoredType.Get("I8"),
        ["ByteStorage"] = StoredType.Get("U8"),
        ["BoolStorage"] = StoredType.Get("BOOL"),
        ["ComplexFloatStorage"] = StoredType.Get("C64"),
        ["ComplexDoubleStorage"] = _complexDouble,
        ["UntypedStorage"] = StoredType.Get("U8"),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, StoredType> _numpy = new Dictionary<string, StoredType>
    {
        ["f8"] = StoredType.Get("F64"),
        ["f4"] = StoredType.Get("F32"),
        ["f2"] = StoredType.Get("F16"),
        ["i8"] = StoredType.Get("I64"),
        ["i4"] = StoredType.Get("I32"),
        ["i2"] = StoredType.Get("I16"),
        ["i1"] = StoredType.Get("I8"),
        ["u8"] = StoredType.Get("U64"),
        ["u4"] = StoredType.Get("U32"),
        ["u2"] = StoredType.Get("U16"),
        ["u1"] = StoredType.Get("U8"),
        ["b1"] = StoredType.Get("BOOL"),
        ["c8"] = StoredType.Get("C64"),
        ["c16"] = _complexDouble,
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The type of a <c>torch.*</c> dtype; null for other names.</summary>
    public static StoredType? OfDtype(PickledName name) => name.Module == "torch" ? _dtypes.GetValueOrDefault(name.Name) : null;

    /// <summary>The element type of a storage class; null for other names.</summary>
    public static StoredType? OfStorage(PickledName name) =>
        name.Module is "torch" or "torch.cuda" or "torch.storage" ? _storages.GetValueOrDefault(name.Name) : null;

    /// <summary>The type of a numpy type code without byte order; null where libtorch has none.</summary>
    public static StoredType? OfNumpy(string code) => _numpy.GetValueOrDefault(code);
}
