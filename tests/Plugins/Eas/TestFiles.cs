using System.Text.Json;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests;

/// <summary>A model folder of a test's own.</summary>
internal sealed class TestFiles : IMethodFiles, IDisposable
{
    public string Folder { get; } = Directory.CreateTempSubdirectory("aperture-eas").FullName;

    public string? ModelFolder => Folder;

    public string Resolve(string path)
        => File.Exists(Path.Combine(Folder, path)) ? Path.Combine(Folder, path) : throw new ApertureException($"There is no file '{path}'.");

    public void Write(string name, string content) => File.WriteAllText(Path.Combine(Folder, name), content);

    /// <summary>Writes adapters, some of their tensors left out.</summary>
    public void Write(string name, EasAdapters adapters, Func<string, bool>? keep = null)
    {
        string path = Path.Combine(Folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        SafetensorsWriter.Save(path, adapters.Named().Where(pair => keep?.Invoke(pair.Name) ?? true).ToDictionary(pair => pair.Name, pair => pair.Tensor));
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    public static JsonElement Json(string json) => JsonDocument.Parse(json).RootElement;
}
