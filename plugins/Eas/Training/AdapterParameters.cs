using Aperture.Measuring;
using Aperture.Plugins.Eas.Adapters;
using Aperture.Plugins.Eas.Lavin;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Training;

/// <summary>
/// Adapters as parameters of a training run, and those of the model that are trained too. A LLaVA's are fresh; a LaVIN's go on from the file that it was opened
/// with. Owns the adapters.
/// </summary>
internal sealed class AdapterParameters : IDisposable
{
    /// <param name="model">The model.</param>
    /// <param name="options">The options.</param>
    /// <param name="skipped">Skipped layers; null gives every layer both adapters.</param>
    /// <param name="seed">Seed of the weights.</param>
    public AdapterParameters(ITrainingModel model, EasTrainingOptions options, IReadOnlySet<int>? skipped, long seed)
    {
        Base = TrainedBase.Of(model);
        using (Generator generator = new((ulong)seed, CPU))
        {
            Adapters = LavinCheckpoint.Of(model.Files.Checkpoint) is { } lavin
                ? lavin.ForTraining(model.Decoder, options.Shape, skipped, generator)
                : Fresh(model, options, skipped, generator);
        }

        Dictionary<string, Tensor> all = new(StringComparer.Ordinal);
        foreach ((string name, Tensor tensor) in Named())
        {
            all[name] = tensor.DetachFromDisposeScope();
            tensor.requires_grad = true;
        }

        foreach ((string name, Tensor tensor) in options.TrainProjector ? model.Unfreeze(Base.Parameter) : new Dictionary<string, Tensor>())
        {
            all[name] = tensor;
        }

        All = all;
        Query = Base == TrainedBase.Llava ? TokenQuery.PromptMask : Adapters.Query;
    }

    /// <summary>What the model is.</summary>
    public TrainedBase Base { get; }

    public EasAdapters Adapters { get; }

    /// <summary>What routers read in training.</summary>
    public TokenQuery Query { get; }

    /// <summary>Everything that is trained, by name.</summary>
    public IReadOnlyDictionary<string, Tensor> All { get; }

    /// <summary>The adapters by the names that the base's files give them.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Named() => Adapters.Named(Base.Prefix).Concat(Adapters.Vision?.Named() ?? []);

    public void Dispose() => Adapters.Dispose();

    private static EasAdapters Fresh(ITrainingModel model, EasTrainingOptions options, IReadOnlySet<int>? skipped, Generator generator)
    {
        options.Shape.Validate(model.Decoder.HiddenSize);
        return EasAdapters.Fresh(model.Decoder, options.Shape, skipped, generator);
    }
}
