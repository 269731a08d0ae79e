using System.Text.Json;
using Aperture.Weights;
using TorchSharp;
using Xunit.Sdk;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests;

/// <summary>
/// Compares a checkpoint with the list of what a loader must find in it: names, shapes, element types and, where the list has them, sums and the first and last
/// values. The list maps names to entries, or is a list of entries with a name.
/// </summary>
internal static class CheckpointTensors
{
    private const double SumTolerance = 1e-6;

    /// <summary>Fails unless the checkpoint holds exactly the listed tensors, each as listed.</summary>
    public static void Check(JsonElement list, IWeightSource source)
    {
        Dictionary<string, JsonElement> entries = list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().ToDictionary(entry => entry.GetProperty("name").GetString()!)
            : list.EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value);
        Assert.Equal(entries.Keys.Order(StringComparer.Ordinal), source.Names.Order(StringComparer.Ordinal));
        foreach ((string name, JsonElement entry) in entries)
        {
            CheckOne(name, entry, source);
        }
    }

    private static void CheckOne(string name, JsonElement entry, IWeightSource source)
    {
        using DisposeScope scope = NewDisposeScope();
        WeightInfo info = source.Describe(name);
        Tensor tensor = source.Load(name);
        Assert.Equal(entry.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), info.Shape);
        Assert.Equal(info.Shape, tensor.shape);
        if (entry.TryGetProperty("dtype", out JsonElement dtype))
        {
            Assert.Equal(StoredType(dtype.GetString()!), info.StoredType);
        }

        Tensor values = tensor.to(ScalarType.Float64).reshape(-1);
        CheckValue(name, entry, "sum", () => values.sum(), values);
        CheckValue(name, entry, "abs_sum", () => values.abs().sum(), values);
        CheckValue(name, entry, "first", () => values[0], values);
        CheckValue(name, entry, "last", () => values[-1], values);
    }

    private static void CheckValue(string name, JsonElement entry, string field, Func<Tensor> compute, Tensor values)
    {
        if (!entry.TryGetProperty(field, out JsonElement recorded) || recorded.ValueKind != JsonValueKind.Number || values.numel() == 0)
        {
            return;
        }

        double expected = recorded.GetDouble();
        double actual = compute().item<double>();
        double scale = Math.Max(values.abs().sum().item<double>(), double.Epsilon);
        if (Math.Abs(actual - expected) > SumTolerance * scale)
        {
            throw new XunitException($"{name}: {field} is {actual:G9}, expected {expected:G9}");
        }
    }

    private static string StoredType(string dtype) => dtype switch
    {
        "float64" => "F64",
        "float32" => "F32",
        "float16" => "F16",
        "bfloat16" => "BF16",
        "int64" => "I64",
        "int32" => "I32",
        "int16" => "I16",
        "int8" => "I8",
        "uint8" => "U8",
        "bool" => "BOOL",
        _ => dtype,
    };
}
