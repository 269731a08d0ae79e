using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Plugins.FitPrune.Tests;

/// <summary>A model folder of a test's own.</summary>
internal sealed class TestFiles : IMethodFiles, IDisposable
{
    public TestFiles() => Directory.CreateDirectory(Folder);

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), "aperture-fitprune-" + Guid.NewGuid().ToString("n"));

    public string? ModelFolder => Folder;

    public string Resolve(string path)
        => File.Exists(Path.Combine(Folder, path)) ? Path.Combine(Folder, path) : throw new ApertureException($"There is no file '{path}'.");

    public string Write(string name, string content)
    {
        string path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, content);
        return path;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    public static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;

    public static DecoderInfo Llava7B { get; } = new()
    {
        Model = "llava-1.5-7b",
        Layers = 32,
        HiddenSize = 4096,
        IntermediateSize = 11008,
        Heads = 32,
        KeyValueHeads = 32,
        HeadSize = 128,
        VocabularySize = 32000,
        VisualTokens = 576,
    };
}
