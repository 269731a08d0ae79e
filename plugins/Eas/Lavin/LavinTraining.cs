using Aperture.Models;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>
/// Training as LaVIN's code runs it: sequences of one length whose padding is made of rows like any other, read by routers and pools too; LLaMA and CLIP stay
/// frozen. The result is an adapter file, as the official code saves one.
/// </summary>
/// <param name="adapters">The open adapter file.</param>
internal sealed class LavinTraining(IWeightSource adapters) : IModelTraining
{
    /// <summary>The file that training writes, to be opened as the model's adapters.</summary>
    public const string AdapterFile = "adapters.safetensors";

    public bool TrainsDecoder => false;

    /// <summary>Rows of each sequence; the official 512 by default.</summary>
    public int Rows { get; init; } = 512;

    public int PadId => 0;

    public IReadOnlyList<string> Save(TrainedModel saving)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        Dictionary<string, Tensor> tensors = adapters.Names.Where(name => !saving.IsLeft(name))
            .ToDictionary(name => name, adapters.Load, StringComparer.Ordinal);
        foreach ((string name, Tensor tensor) in saving.Changed.Concat(saving.Added))
        {
            tensors[name] = tensor;
        }

        Directory.CreateDirectory(saving.Target);
        string path = Path.Combine(saving.Target, AdapterFile);
        SafetensorsWriter.Save(path, tensors);
        return [path];
    }
}
