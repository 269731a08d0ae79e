using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text.Json;
using Aperture.Pipelines;
using Aperture.Weights;
using TorchSharp;
using Xunit.Sdk;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Files;

/// <summary>
/// Reads every listed file of torch.save: the whole saved object, its flattened tensors and what they share must be as recorded; files that name classes
/// which weights do not need only open leniently; damaged and hostile ones never do.
/// </summary>
public sealed class TorchRunner : IGoldenRunner
{
    private static readonly WeightFileOptions _strict = new() { Container = "", StripModule = false };
    private static readonly WeightFileOptions _lenient = _strict with { Lenient = true };

    public string Area => "files";

    public string Kind => "torch";

    public void Run(GoldenCase golden)
    {
        string folder = golden.FileBeside(Kind);
        List<string> failures = new();
        foreach (JsonProperty file in golden.Meta.GetProperty("files").EnumerateObject())
        {
            Try(failures, file.Name, () => CheckFile(golden.FileBeside(Path.Combine(folder, file.Name)), file.Value));
        }

        foreach (JsonProperty file in golden.Meta.GetProperty("hostile").EnumerateObject())
        {
            string path = golden.FileBeside(Path.Combine(folder, file.Name));
            bool mustOpen = file.Value.GetString() == "accepted" && !file.Name.StartsWith("bad_", StringComparison.Ordinal);
            Try(failures, file.Name, mustOpen ? () => LoadAll(path, _strict) : () => MustRefuse(path, file.Name));
        }

        Assert.True(failures.Count == 0, string.Join('\n', failures));
    }

    private static void Try(List<string> failures, string file, Action check)
    {
        try
        {
            check();
        }
        catch (Exception fault) when (fault is XunitException or ApertureException)
        {
            failures.Add($"{file}: {fault.Message}");
        }
    }

    private static void MustRefuse(string path, string name)
    {
        Assert.DoesNotContain('\n', Assert.Throws<ApertureException>(() => LoadAll(path, _strict)).Message);
        if (name.StartsWith("bad_", StringComparison.Ordinal))
        {
            Assert.Throws<ApertureException>(() => LoadAll(path, _lenient));
        }
    }

    private static void LoadAll(string path, WeightFileOptions options)
    {
        using IWeightSource source = WeightFiles.Open(path, options);
        foreach (string name in source.Names)
        {
            source.Load(name).Dispose();
        }
    }

    private static void CheckFile(string path, JsonElement expected)
    {
        JsonElement content = expected.GetProperty("content");
        if (RecordedObject.Mentions(content, "opaque"))
        {
            Assert.Contains("names '", Assert.Throws<ApertureException>(() => LoadAll(path, _strict)).Message, StringComparison.Ordinal);
        }

        using TorchFile file = TorchFile.Open(path, RecordedObject.Mentions(content, "opaque") ? _lenient : _strict);
        RecordedObject.Check("", content, file.Content, file);
        CheckFlattened(path, file);
        foreach (JsonElement group in expected.GetProperty("shared_storage").EnumerateArray())
        {
            CheckShared(file, group.EnumerateArray().Select(name => name.GetString()!).ToList());
        }
    }

    private static void CheckFlattened(string path, TorchFile file)
    {
        string stem = Path.GetFileName(path).Split('.')[0];
        using SafetensorsFile flattened = SafetensorsFile.Open(Path.Combine(Path.GetDirectoryName(path)!, $"{stem}.expected.safetensors"));
        Assert.Equal(flattened.Names.Order(StringComparer.Ordinal), file.Names.Order(StringComparer.Ordinal));
        foreach (string name in flattened.Names)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor loaded = file.Load(name);
            Tensor actual = loaded.is_complex() ? view_as_real(loaded) : loaded;
            Tensor expected = flattened.Load(name);
            Assert.Equal(expected.dtype, actual.dtype);
            TensorComparison.Check($"{Path.GetFileName(path)}: {name}", expected, actual, 0);
        }
    }

    private static void CheckShared(TorchFile file, List<string> group)
    {
        Dictionary<string, nint> origins = file.Names.Where(name => file.Describe(name).Shape.All(size => size > 0))
            .ToDictionary(name => name, name => Origin(file, name));
        Assert.True(group.Select(name => origins[name]).Distinct().Count() == 1, $"{string.Join(", ", group)} share no memory");
        Assert.DoesNotContain(origins[group[0]], origins.Where(origin => !group.Contains(origin.Key)).Select(origin => origin.Value));
    }

    /// <summary>The address of element 0 of the storage.</summary>
    private static unsafe nint Origin(TorchFile file, string name)
    {
        using Tensor tensor = file.Load(name);
        using Tensor first = tensor.as_strided([1], [1], 0);
        return (nint)Unsafe.AsPointer(ref MemoryMarshal.GetReference(first.bytes));
    }
}
