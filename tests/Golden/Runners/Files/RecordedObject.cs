using System.Numerics;
using System.Text.Json;
using Aperture.Weights;

namespace Aperture.Golden.Tests.Files;

/// <summary>A saved Python object written down in a JSON case, as a tree of <c>{"kind of value": …}</c>.</summary>
internal static class RecordedObject
{
    /// <summary>Whether a value of this kind occurs anywhere in the tree.</summary>
    public static bool Mentions(JsonElement record, string kind) => record.ValueKind switch
    {
        JsonValueKind.Object => record.EnumerateObject().Any(property => property.Name == kind || Mentions(property.Value, kind)),
        JsonValueKind.Array => record.EnumerateArray().Any(item => Mentions(item, kind)),
        _ => false,
    };

    /// <summary>Compares the tree with what was read; <paramref name="at"/> says where in the tree this value is.</summary>
    public static void Check(string at, JsonElement record, object? actual, TorchFile file)
    {
        (string kind, JsonElement value) = record.EnumerateObject().Select(property => (property.Name, property.Value)).First();
        switch (kind)
        {
            case "dict":
                CheckDictionary(at, record, (PickledDictionary)actual!, file);
                break;
            case "list" or "tuple" or "set" or "torch.Size":
                CheckSequence(at, kind, value, (PickledSequence)actual!, file);
                break;
            case "tensor" or "parameter":
                CheckTensor(at, kind == "parameter", value, (PickledTensor)actual!, file);
                break;
            case "ndarray":
                CheckArray(value, (PickledArray)actual!);
                break;
            case "opaque":
                CheckOpaque(at, record, (PickledObject)actual!, file);
                break;
            case "value" or "numpy_scalar":
                CheckPlain(at, record.GetProperty("value"), actual);
                break;
            case "dtype":
                Assert.Equal(value.GetString(), ((PickledName)actual!).FullName);
                break;
            case "device":
                Assert.Equal(value.GetString(), string.Join(':', ((PickledObject)actual!).Arguments));
                break;
            case "bytes":
                Assert.Equal(value.EnumerateArray().Select(item => item.GetByte()), ((PickledBytes)actual!).ToArray());
                break;
            default:
                throw new InvalidDataException($"unknown recorded kind '{kind}'");
        }
    }

    private static void CheckDictionary(string at, JsonElement record, PickledDictionary actual, TorchFile file)
    {
        Assert.Equal(record.GetProperty("type").GetString(), actual.TypeName);
        List<JsonElement> expected = record.GetProperty("dict").EnumerateArray().ToList();
        Assert.Equal(expected.Count, actual.Count);
        foreach ((JsonElement entry, KeyValuePair<object?, object?> pair) in expected.Zip(actual))
        {
            Check($"{at}.key", entry[0], pair.Key, file);
            Check($"{at}.{pair.Key}", entry[1], pair.Value, file);
        }
    }

    private static void CheckSequence(string at, string kind, JsonElement expected, PickledSequence actual, TorchFile file)
    {
        Assert.Equal(
            kind switch
            {
                "list" => PickledSequenceKind.List,
                "tuple" => PickledSequenceKind.Tuple,
                "set" => PickledSequenceKind.Set,
                _ => PickledSequenceKind.Size,
            },
            actual.Kind);
        Assert.Equal(expected.GetArrayLength(), actual.Count);
        foreach ((JsonElement item, object? value) in expected.EnumerateArray().Zip(actual))
        {
            if (item.ValueKind == JsonValueKind.Object)
            {
                Check($"{at}[]", item, value, file);
            }
            else
            {
                CheckPlain($"{at}[]", item, value);
            }
        }
    }

    private static void CheckTensor(string at, bool parameter, JsonElement expected, PickledTensor actual, TorchFile file)
    {
        Assert.True(parameter == actual.IsParameter, $"{at}: parameter or not");
        Assert.Equal(expected.GetProperty("requires_grad").GetBoolean(), actual.RequiresGrad);
        Assert.Equal(expected.GetProperty("offset").GetInt64(), actual.Offset);
        using TorchSharp.torch.Tensor tensor = file.Load(actual);
        Assert.Equal(expected.GetProperty("stride").EnumerateArray().Select(step => step.GetInt64()), tensor.stride());
        RecordedTensor.Check(expected, tensor);
    }

    private static void CheckArray(JsonElement expected, PickledArray actual)
    {
        Assert.Equal(expected.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), actual.Shape);
        Assert.False(actual.IsColumnMajor);
        byte[] bytes = actual.Bytes.ToArray();
        IEnumerable<double> values = expected.GetProperty("values").EnumerateArray().Select(value => value.GetDouble());
        Assert.Equal(values, (expected.GetProperty("dtype").GetString(), actual.StoredTypeName) switch
        {
            ("float32", "F32") => Enumerable.Range(0, bytes.Length / 4).Select(i => (double)BitConverter.ToSingle(bytes, i * 4)),
            ("float64", "F64") => Enumerable.Range(0, bytes.Length / 8).Select(i => BitConverter.ToDouble(bytes, i * 8)),
            ("int64", "I64") => Enumerable.Range(0, bytes.Length / 8).Select(i => (double)BitConverter.ToInt64(bytes, i * 8)),
            ("int32", "I32") => Enumerable.Range(0, bytes.Length / 4).Select(i => (double)BitConverter.ToInt32(bytes, i * 4)),
            ("uint8", "U8") => bytes.Select(value => (double)value),
            var other => throw new InvalidDataException($"array types {other}"),
        });
    }

    private static void CheckOpaque(string at, JsonElement record, PickledObject actual, TorchFile file)
    {
        Assert.Equal(record.GetProperty("opaque").GetString(), actual.ClassName);
        if (record.TryGetProperty("state", out JsonElement state))
        {
            Check($"{at}.state", state, actual.State, file);
        }
    }

    private static void CheckPlain(string at, JsonElement expected, object? actual)
    {
        bool same = actual switch
        {
            null => expected.ValueKind == JsonValueKind.Null,
            bool flag => flag ? expected.ValueKind == JsonValueKind.True : expected.ValueKind == JsonValueKind.False,
            long whole => expected.ValueKind == JsonValueKind.Number && expected.GetInt64() == whole,
            double real
                => expected.ValueKind == JsonValueKind.Number
                    ? expected.GetDouble().Equals(real)
                    : expected.GetString() == (double.IsNaN(real) ? "nan" : real > 0 ? "inf" : "-inf"),
            BigInteger large => expected.GetString() == large.ToString(),
            string text => expected.GetString() == text,
            _ => false,
        };
        Assert.True(same, $"{at}: is {actual}, expected {expected}");
    }
}
