using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Training;

/// <summary>Fresh adapters as parameters of a training run, and the projector's where it is trained. Owns the adapters.</summary>
internal sealed class AdapterParameters : IDisposable
{
    /// <param name="model">The model.</param>
    /// <param name="options">The options.</param>
    /// <param name="skipped">Skipped layers; null gives every layer both adapters.</param>
    /// <param name="seed">Seed of the weights.</param>
    public AdapterParameters(ITrainingModel model, EasTrainingOptions options, IReadOnlySet<int>? skipped, long seed)
    {
        options.Shape.Validate(model.Decoder.HiddenSize);
        Dictionary<string, Tensor> all = new(StringComparer.Ordinal);
        using (Generator generator = new((ulong)seed, CPU))
        {
            Adapters = EasAdapters.Fresh(model.Decoder, options.Shape, skipped, generator);
        }

        foreach ((string name, Tensor tensor) in Adapters.Named())
        {
            all[name] = tensor.DetachFromDisposeScope();
            tensor.requires_grad = true;

            // A search does not touch every adapter in every step. With a gradient from the first step on, AdamW treats an untouched one alike in a run that went on after a stop.
            using Tensor none = zeros_like(tensor, requires_grad: false);
            tensor.grad = none;
        }

        if (options.TrainProjector)
        {
            foreach ((string name, Tensor tensor) in model.Unfreeze(name => name.StartsWith("model.mm_projector", StringComparison.Ordinal)))
            {
                all[name] = tensor;
            }
        }

        All = all;
    }

    public EasAdapters Adapters { get; }

    /// <summary>Everything that is trained, by name.</summary>
    public IReadOnlyDictionary<string, Tensor> All { get; }

    public void Dispose() => Adapters.Dispose();
}
