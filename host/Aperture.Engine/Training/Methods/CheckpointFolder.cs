using Aperture.Engine;
using Aperture.Files;
using Aperture.Models;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>Writes a checkpoint that opens like the one it came from, with some tensors changed, added or left out.</summary>
internal static class CheckpointFolder
{
    private static readonly string[] _besideWeights = [".json", ".model", ".txt", ".jinja"];

    /// <summary>Writes the folder.</summary>
    /// <param name="model">The model it comes from.</param>
    /// <param name="folder">Where it goes; not the model's own.</param>
    /// <param name="changed">Changed tensors, by the names of LLaVA's own layout; stored in the element type that the checkpoint has them in.</param>
    /// <param name="added">Further tensors, by the names they get.</param>
    /// <param name="left">Which names of LLaVA's own layout are left out.</param>
    /// <returns>Full paths of the files.</returns>
    public static IReadOnlyList<string> Write(
        LlavaModel model, string folder, IReadOnlyDictionary<string, Tensor> changed, IReadOnlyDictionary<string, Tensor> added, Func<string, bool> left)
    {
        if (Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)) == Path.TrimEndingDirectorySeparator(model.Folder))
        {
            throw new ApertureException($"The trained model cannot be written over the one it is trained from ('{folder}'); name another --output.");
        }

        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using IWeightSource source = WeightFiles.Open(model.Folder);
        Dictionary<string, string> own = source.Names.ToDictionary(name => name, name => OwnName(name, model.Keys), StringComparer.Ordinal);
        Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
        foreach (string name in source.Names.Where(name => !left(own[name])))
        {
            tensors[name] = changed.TryGetValue(own[name], out Tensor? now) ? now.to_type(source.Describe(name).ScalarType) : source.Load(name);
        }

        foreach ((string name, Tensor tensor) in added)
        {
            tensors[name] = tensor;
        }

        using (ShardedSafetensorsWriter writer = ShardedSafetensorsWriter.Create(folder, [.. tensors.Select(pair => TensorLayout.Of(pair.Key, pair.Value))]))
        {
            foreach ((string name, Tensor tensor) in tensors)
            {
                writer.Write(name, tensor);
            }

            writer.Complete();
        }

        List<string> written = [.. Directory.EnumerateFiles(folder, "model*.safetensors*")];
        foreach (string file in Directory.EnumerateFiles(model.Folder).Where(file => _besideWeights.Contains(Path.GetExtension(file)) && !file.EndsWith(".index.json", StringComparison.Ordinal)))
        {
            string target = Path.Combine(folder, Path.GetFileName(file));
            AtomicFile.Write(target, File.ReadAllBytes(file));
            written.Add(target);
        }

        return [.. written.Order(StringComparer.Ordinal)];
    }

    // The name that LLaVA's own layout has for a tensor of this checkpoint.
    private static string OwnName(string name, LlavaKeys keys)
    {
        for (int layer = 0; layer < keys.Projector.Count; layer++)
        {
            if (name.StartsWith(keys.Projector[layer] + ".", StringComparison.Ordinal))
            {
                string own = keys.Projector.Count == 1 ? "model.mm_projector" : $"model.mm_projector.{2 * layer}";
                return own + name[keys.Projector[layer].Length..];
            }
        }

        return name.StartsWith(keys.Head + ".", StringComparison.Ordinal) ? "lm_head" + name[keys.Head.Length..]
            : name.StartsWith(keys.Decoder, StringComparison.Ordinal) ? "model." + name[keys.Decoder.Length..]
            : name;
    }
}
