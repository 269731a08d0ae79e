using System.Text.Json;
using Aperture.Plugins;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>A case's weights as a file of their own, so that they go through the door that users take.</summary>
internal sealed class TaskCheckpointFile : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-golden-").FullName;

    public TaskCheckpointFile(IWeightSource source)
    {
        Path = System.IO.Path.Combine(_folder, "weights.safetensors");
        Dictionary<string, Tensor> tensors = source.Names.ToDictionary(name => name, name => source.Load(name));
        SafetensorsWriter.Save(Path, tensors);
        foreach (Tensor tensor in tensors.Values)
        {
            tensor.Dispose();
        }

        Files = new FactoryFiles(_folder);
    }

    public string Path { get; }

    public IMethodFiles Files { get; }

    public static JsonElement Options(object options) => JsonSerializer.SerializeToElement(options);

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
