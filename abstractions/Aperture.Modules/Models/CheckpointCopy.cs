using Aperture.Files;
using Aperture.Measuring;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>
/// Writes a trained checkpoint that opens like the one it came from: the files beside the weights, and the weights with some tensors changed, added or left
/// out.
/// </summary>
public static class CheckpointCopy
{
    private static readonly string[] _besideWeights = [".json", ".model", ".txt", ".jinja"];

    /// <summary>Writes the folder. Changed tensors are stored in the element type that the checkpoint has them in.</summary>
    /// <param name="saving">What was changed and where it goes.</param>
    /// <param name="canonical">The canonical name of a name in the checkpoint.</param>
    /// <returns>Full paths of the files.</returns>
    /// <exception cref="ApertureException">The target is the folder it comes from, or the disk refuses.</exception>
    public static IReadOnlyList<string> Write(TrainedModel saving, Func<string, string> canonical)
    {
        if (Path.TrimEndingDirectorySeparator(Path.GetFullPath(saving.Target)) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(saving.Source)))
        {
            throw new ApertureException($"The trained model cannot be written over the one it is trained from ('{saving.Target}'); name another --output.");
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using IWeightSource source = WeightFiles.Open(saving.Source);
        Dictionary<string, string> own = source.Names.ToDictionary(name => name, name => canonical(name), StringComparer.Ordinal);
        Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
        foreach (string name in source.Names.Where(name => !saving.IsLeft(own[name])))
        {
            tensors[name] = saving.Changed.TryGetValue(own[name], out Tensor? now) ? now.to_type(source.Describe(name).ScalarType) : source.Load(name);
        }

        // What learned without being in the checkpoint: parts that began fresh, or that lay elsewhere.
        ScalarType stored = MostCommonType(source);
        foreach ((string name, Tensor tensor) in saving.Changed.ExceptBy(own.Values, changed => changed.Key))
        {
            tensors[name] = tensor.to_type(stored);
        }

        foreach ((string name, Tensor tensor) in saving.Added)
        {
            tensors[name] = tensor;
        }

        using (
            ShardedSafetensorsWriter writer = ShardedSafetensorsWriter.Create(
                saving.Target, [.. tensors.Select(pair => TensorLayout.Of(pair.Key, pair.Value))]))
        {
            foreach ((string name, Tensor tensor) in tensors)
            {
                writer.Write(name, tensor);
            }

            writer.Complete();
        }

        List<string> written = [.. Directory.EnumerateFiles(saving.Target, "model*.safetensors*")];
        foreach (string file in Directory.EnumerateFiles(saving.Source).Where(IsBesideWeights))
        {
            string target = Path.Combine(saving.Target, Path.GetFileName(file));
            AtomicFile.Write(target, File.ReadAllBytes(file));
            written.Add(target);
        }

        return [.. written.Order(StringComparer.Ordinal)];
    }

    private static ScalarType MostCommonType(IWeightSource source)
        => source.Names.Select(name => source.Describe(name).ScalarType).CountBy(type => type).MaxBy(count => count.Value).Key;

    private static bool IsBesideWeights(string file)
        => _besideWeights.Contains(Path.GetExtension(file)) && !file.EndsWith(".index.json", StringComparison.Ordinal);
}
