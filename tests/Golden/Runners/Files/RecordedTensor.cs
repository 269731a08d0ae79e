using System.Text.Json;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Files;

/// <summary>
/// A tensor written down in a JSON case: <c>dtype</c>, <c>shape</c> and row-major <c>values</c> (specials as text, complex numbers as pairs).
/// </summary>
internal static class RecordedTensor
{
    /// <summary>Loads a tensor and compares it with the record: loaded type, shape and every value, NaN and the sign of zero included.</summary>
    public static void Check(string name, JsonElement record, IWeightSource source)
    {
        WeightInfo info = source.Describe(name);
        using Tensor tensor = source.Load(name);
        Assert.Equal(tensor.dtype, info.ScalarType);
        Assert.Equal(tensor.shape, info.Shape);
        Check(record, tensor);
    }

    /// <summary>Compares a tensor with the record.</summary>
    public static void Check(JsonElement record, Tensor tensor)
    {
        Assert.Equal(LoadedType(record.GetProperty("dtype").GetString()!), tensor.dtype);
        Assert.Equal(record.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), tensor.shape);
        List<JsonElement> values = record.GetProperty("values").EnumerateArray().ToList();
        Assert.Equal(values.Count, tensor.numel());
        if (tensor.is_floating_point() || tensor.is_complex())
        {
            CheckReal(values, tensor);
        }
        else
        {
            using Tensor whole = tensor.to(ScalarType.Int64);
            using Tensor flat = whole.reshape(-1);
            Assert.Equal(values.Select(value => value.GetInt64()), flat.data<long>().ToArray());
        }
    }

    /// <summary>The element type that a tensor of this recorded type has after loading.</summary>
    private static ScalarType LoadedType(string dtype) => dtype switch
    {
        "float64" => ScalarType.Float64,
        "float32" => ScalarType.Float32,
        "float16" => ScalarType.Float16,
        "bfloat16" => ScalarType.BFloat16,
        "complex64" => ScalarType.ComplexFloat32,
        "bool" => ScalarType.Bool,
        "uint8" => ScalarType.Byte,
        "int8" => ScalarType.Int8,
        "int16" => ScalarType.Int16,
        "int32" or "uint16" => ScalarType.Int32,
        "int64" or "uint32" or "uint64" => ScalarType.Int64,
        _ when dtype.StartsWith("float8_", StringComparison.Ordinal) => ScalarType.Float32,
        _ => throw new InvalidDataException($"unknown recorded dtype {dtype}"),
    };

    private static void CheckReal(List<JsonElement> values, Tensor tensor)
    {
        using Tensor real = tensor.is_complex() ? torch.view_as_real(tensor) : tensor.alias();
        using Tensor wide = real.to(ScalarType.Float64);
        using Tensor flat = wide.reshape(-1);
        double[] expected = values.SelectMany(value => value.ValueKind == JsonValueKind.Array ? value.EnumerateArray().ToList() : [value])
            .Select(Number)
            .ToArray();
        double[] actual = flat.data<double>().ToArray();
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(
                double.IsNaN(expected[i]) ? double.IsNaN(actual[i]) : BitConverter.DoubleToInt64Bits(expected[i]) == BitConverter.DoubleToInt64Bits(actual[i]),
                $"value {i} is {actual[i]:R}, expected {expected[i]:R}");
        }
    }

    private static double Number(JsonElement value) => value.ValueKind == JsonValueKind.Number
        ? value.GetDouble()
        : value.GetString() switch
        {
            "nan" => double.NaN,
            "inf" => double.PositiveInfinity,
            "-inf" => double.NegativeInfinity,
            var text => throw new InvalidDataException($"unknown number {text}"),
        };
}
