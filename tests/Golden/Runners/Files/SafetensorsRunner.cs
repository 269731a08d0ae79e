using System.Text.Json;
using Aperture.Pipelines;
using Aperture.Weights;
using Xunit.Sdk;

namespace Aperture.Golden.Tests.Files;

/// <summary>
/// Reads every listed file with the public loader: the valid ones must give the recorded content, the rest the recorded verdict or a stricter one.
/// </summary>
public sealed class SafetensorsRunner : IGoldenRunner
{
    public string Area => "files";

    public string Kind => "safetensors";

    public void Run(GoldenCase golden)
    {
        string folder = golden.FileBeside("safetensors");
        List<string> failures = new();
        foreach (JsonProperty file in golden.Meta.GetProperty("valid").EnumerateObject())
        {
            Try(failures, file.Name, () => CheckContent(golden, Path.Combine(folder, file.Name), file.Value));
        }

        foreach (JsonProperty file in golden.Meta.GetProperty("verdicts").EnumerateObject())
        {
            Try(failures, file.Name, () => CheckVerdict(golden, Path.Combine(folder, file.Name), file.Value));
        }

        foreach (string? path in Directory.GetDirectories(folder).SelectMany(sub => Directory.GetFiles(sub, "index_*.json")))
        {
            Try(failures, Path.GetFileName(path), () => MustRefuse(path));
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

    private static void CheckContent(GoldenCase golden, string path, JsonElement expected)
    {
        using IWeightSource source = WeightFiles.Open(golden.FileBeside(path));
        JsonElement tensors = expected.GetProperty("tensors");
        Assert.Equal(tensors.EnumerateObject().Select(tensor => tensor.Name).Order(StringComparer.Ordinal), source.Names.Order(StringComparer.Ordinal));
        foreach (JsonProperty tensor in tensors.EnumerateObject())
        {
            RecordedTensor.Check(tensor.Name, tensor.Value, source);
        }

        if (expected.TryGetProperty("metadata", out JsonElement metadata))
        {
            Dictionary<string, string> texts = metadata.ValueKind == JsonValueKind.Object
                ? metadata.EnumerateObject().ToDictionary(text => text.Name, text => text.Value.GetString()!)
                : [];
            Assert.Equal(texts, new Dictionary<string, string>(((SafetensorsFile)source).Metadata));
        }
    }

    private static void CheckVerdict(GoldenCase golden, string path, JsonElement verdict)
    {
        if (!verdict.GetProperty("accepted").GetBoolean())
        {
            MustRefuse(golden.FileBeside(path));
            return;
        }

        // The official reader takes a key that is repeated exactly; ours says which one it is. Nothing else may be stricter.
        if (IsRefused(path, out string? message) && message.Contains("twice", StringComparison.Ordinal))
        {
            return;
        }

        List<JsonProperty> unreadable = verdict.GetProperty("tensors")
            .EnumerateObject()
            .Where(tensor => tensor.Value.GetProperty("values").ValueKind == JsonValueKind.Null)
            .ToList();
        if (unreadable.Count == 0)
        {
            CheckContent(golden, path, verdict);
            return;
        }

        using IWeightSource source = WeightFiles.Open(path);
        foreach (JsonProperty tensor in unreadable)
        {
            Assert.Contains(tensor.Name, Assert.Throws<ApertureException>(() => source.Load(tensor.Name).Dispose()).Message, StringComparison.Ordinal);
        }
    }

    private static void MustRefuse(string path)
    {
        Assert.True(IsRefused(path, out string? message), "was opened, but must be refused");
        Assert.Contains(path, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    private static bool IsRefused(string path, out string message)
    {
        try
        {
            using IWeightSource source = WeightFiles.Open(path);
            foreach (string? name in source.Names.Where(name => source.Describe(name).StoredType != "F4"))
            {
                source.Load(name).Dispose();
            }

            message = "";
            return false;
        }
        catch (ApertureException refusal)
        {
            message = refusal.Message;
            return true;
        }
    }
}
