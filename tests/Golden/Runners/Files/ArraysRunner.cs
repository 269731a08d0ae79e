using System.Text.Json;
using System.Text.RegularExpressions;
using Aperture.Files;
using Aperture.Plugins.DtNet.Data;

namespace Aperture.Golden.Tests.Files;

/// <summary>Arrays of numpy and of HDF5: types, sizes and values; arrays of objects are refused.</summary>
public sealed partial class ArraysRunner : IGoldenRunner
{
    private const double Precision = 1e-5;

    public string Area => "files";

    public string Kind => "arrays";

    public void Run(GoldenCase golden)
    {
        string folder = golden.FileBeside(Kind);
        JsonElement numpy = golden.Meta.GetProperty("npy");
        foreach (JsonProperty file in numpy.EnumerateObject())
        {
            string path = golden.FileBeside(Path.Combine(folder, file.Name));
            if (file.Value.TryGetProperty("refuse", out _))
            {
                Assert.DoesNotContain('\n', Assert.Throws<ApertureException>(() => NumpyFile.Read(path)).Message);
            }
            else if (file.Name.EndsWith(".npz", StringComparison.Ordinal))
            {
                CheckArchive(path, file.Value, numpy);
            }
            else
            {
                CheckArray(NumpyFile.Read(path), file.Value);
            }
        }

        foreach (JsonProperty file in golden.Meta.GetProperty("hdf5").EnumerateObject())
        {
            string path = golden.FileBeside(Path.Combine(folder, file.Name));
            if (file.Value.ValueKind == JsonValueKind.String)
            {
                CheckDescribed(path, file.Value.GetString()!);
            }
            else
            {
                CheckHdf5(path, file.Value);
            }
        }
    }

    private static void CheckArchive(string path, JsonElement entries, JsonElement arrays)
    {
        IReadOnlyDictionary<string, NumpyArray> read = NumpyFile.ReadArchive(path);
        Assert.Equal(entries.EnumerateObject().Select(entry => entry.Name).Order(), read.Keys.Order());
        foreach (JsonProperty entry in entries.EnumerateObject())
        {
            CheckArray(read[entry.Name], arrays.GetProperty(entry.Value.GetString()!));
        }
    }

    private static void CheckArray(NumpyArray array, JsonElement expected)
    {
        Assert.Equal(expected.GetProperty("dtype").GetString()![1..].TrimEnd('0', '1', '2', '3', '4', '5', '6', '7', '8', '9'), array.Kind.ToString());
        Assert.Equal(expected.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), array.Shape);
        JsonElement[] values = [.. expected.GetProperty("values").EnumerateArray()];
        Assert.Equal(values.Length, array.Count);
        switch (array.Kind)
        {
            case 'U':
                Assert.Equal(values.Select(value => value.GetString()), array.ToTexts());
                break;
            case 'f':
                Assert.Equal(values.Select(value => value.GetDouble()), array.ToDoubles());
                break;
            default:
                Assert.Equal(
                    values.Select(value => value.ValueKind is JsonValueKind.True ? 1 : value.ValueKind is JsonValueKind.False ? 0 : value.GetInt64()),
                    array.ToIntegers());
                break;
        }
    }

    private static void CheckHdf5(string path, JsonElement expected)
    {
        using Hdf5Store store = new(path);
        foreach (JsonProperty entry in expected.EnumerateObject())
        {
            Assert.True(store.Contains(entry.Name), entry.Name);
            (long[] shape, float[] values) = store.Read(entry.Name);
            Assert.Equal(entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), shape);
            int row = (int)shape[^1];
            Near(entry.Value.GetProperty("first"), values[..row]);
            Near(entry.Value.GetProperty("last"), values[^row..]);
            double sum = entry.Value.GetProperty("sum").GetDouble();
            Assert.InRange(values.Sum(value => (double)value), sum - (Precision * Math.Abs(sum)), sum + (Precision * Math.Abs(sum)));
        }

        Assert.False(store.Contains("no such dataset"));
    }

    // Files that the case describes in words.
    private static void CheckDescribed(string path, string words)
    {
        using Hdf5Store store = new(path);
        if (Many().Match(words) is { Success: true } many)
        {
            for (int i = 0; i < Number(many, 1); i++)
            {
                (long[] shape, float[] values) = store.Read($"{Number(many, 2) + i}_features");
                Assert.Equal([Number(many, 3), Number(many, 4)], shape);
                Assert.All(values, value => Assert.Equal(i, value));
            }

            return;
        }

        MatchCollection ramps = Ramp().Matches(words), ones = Ones().Matches(words);
        Assert.NotEmpty(ramps);
        foreach (Match ramp in ramps)
        {
            float[] expected = [.. Enumerable.Range(0, Number(ramp, 2) + 1).Select(value => value / (float)Number(ramp, 3))];
            Assert.Equal(expected, store.Read(ramp.Groups[1].Value).Values);
        }

        Assert.All(ones, one => Assert.All(store.Read(one.Groups[1].Value).Values, value => Assert.Equal(1, value)));
    }

    private static int Number(Match match, int group) => int.Parse(match.Groups[group].Value, System.Globalization.CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^(\d+) datasets ""<(\d+)\+i>_features"" \[(\d+),(\d+)\], all values i")]
    private static partial Regex Many();

    [GeneratedRegex(@"(\S+_features) f\d+ = \(0\.\.(\d+)\)/(\d+)")]
    private static partial Regex Ramp();

    [GeneratedRegex(@"(\S+_features) ones")]
    private static partial Regex Ones();

    private static void Near(JsonElement expected, float[] actual)
    {
        JsonElement[] values = [.. expected.EnumerateArray()];
        for (int i = 0; i < values.Length; i++)
        {
            Assert.Equal(values[i].GetDouble(), actual[i], Precision);
        }
    }
}
