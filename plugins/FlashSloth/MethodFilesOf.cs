using Aperture.Decoding;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth;

/// <summary>Finds a method's weights: the file that an option names, the one that training put beside the model, or the checkpoint itself.</summary>
/// <param name="Method">The method's name, which is that of its folder beside the model.</param>
/// <param name="File">Name of the file there.</param>
/// <param name="Example">A tensor that such weights have.</param>
/// <param name="Prefixes">What the names of its tensors begin with.</param>
internal sealed record MethodFilesOf(string Method, string File, string Example, IReadOnlyList<string> Prefixes)
{
    /// <summary>Spatial attention pooling.</summary>
    public static MethodFilesOf Sap { get; } = new(
        SapFactory.MethodName, "pooling.safetensors", SpatialPooling.Prefix + "mlp.0.weight", [SpatialPooling.Prefix]);

    /// <summary>Embedded queries.</summary>
    public static MethodFilesOf Embq { get; } = new(
        EmbqFactory.MethodName, "queries.safetensors", EmbqWeights.Prefix + "up_projector.weight", [EmbqWeights.Prefix, LearnedQueries.Published]);

    /// <summary>Where training's weights lie in a model's folder.</summary>
    public string Beside => Method + "/" + File;

    /// <summary>Loads weights.</summary>
    /// <param name="named">The file that an option names; null for none.</param>
    /// <param name="decoder">The decoder.</param>
    /// <param name="files">Finds files.</param>
    /// <returns>float32 copies on the CPU under the published names; the caller disposes them.</returns>
    /// <exception cref="ApertureException">There are none.</exception>
    public TensorWeights Load(string? named, DecoderInfo decoder, IMethodFiles files)
    {
        string? beside = files.ModelFolder is { } folder && System.IO.File.Exists(Path.Combine(folder, Beside)) ? Path.Combine(folder, Beside) : null;
        if ((named is null ? beside : files.Resolve(named)) is { } path)
        {
            using IWeightSource source = WeightFiles.Open(path);
            return source.Contains(Example)
                ? Copy(source)
                : throw new ApertureException($"{Method}: '{path}' holds no {Example}; name a file that 'aperture train {Method}' wrote.");
        }

        return files.Checkpoint is { } own && own.Contains(Example)
            ? Copy(own)
            : throw new ApertureException(
                $"{Method}: {decoder.Model} has no weights for it ({Example}), neither in its checkpoint nor in {Beside} beside it; train them with "
                + $"'aperture train {Method}', or name a file with Weights.");
    }

    /// <summary>The weights that are part of a model.</summary>
    /// <param name="method">The model's own method, for the message.</param>
    /// <param name="decoder">The decoder.</param>
    /// <param name="checkpoint">The model's checkpoint; null without one.</param>
    /// <param name="without">A name to leave out.</param>
    /// <returns>As <see cref="Load"/>.</returns>
    /// <exception cref="ApertureException">It has none.</exception>
    public TensorWeights Own(string method, DecoderInfo decoder, IWeightSource? checkpoint, string? without = null)
        => checkpoint is not null && checkpoint.Contains(Example)
            ? Copy(checkpoint, without)
            : throw new ApertureException(
                $"{method}: the checkpoint of {decoder.Model} has no {Example}, so it is no FlashSloth; use the method '{Method}' for other models.");

    private TensorWeights Copy(IWeightSource source, string? without = null)
    {
        using DisposeScope scope = NewDisposeScope();
        IEnumerable<string> names = source.Names
            .Where(name => name != without && Prefixes.Any(prefix => name.StartsWith(prefix, StringComparison.Ordinal)));
        Dictionary<string, Tensor> tensors = names.ToDictionary(name => name, name => source.LoadCopy(name, ScalarType.Float32), StringComparer.Ordinal);
        foreach (Tensor tensor in tensors.Values)
        {
            tensor.DetachFromDisposeScope();
        }

        return new TensorWeights(tensors);
    }
}
