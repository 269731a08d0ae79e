using System.Text.Json;
using Aperture.Files;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Model;
using Aperture.Training;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Training;

/// <summary>Writes a trained model: its tensors under published names, and its vocabulary beside them.</summary>
internal static class CaptionExport
{
    /// <summary>Metadata entry that says which vocabulary the model was trained with.</summary>
    public const string HashKey = "vocabulary_sha256";

    private const string WeightsFile = "dtnet.safetensors", VocabularyFile = "vocabulary.json";

    /// <summary>Writes both files.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="model">The model; borrowed.</param>
    /// <param name="vocabulary">Its words.</param>
    /// <param name="half">Whether matrices are written in half precision.</param>
    public static TrainingResult Write(string folder, CaptionModel model, Vocabulary vocabulary, bool half)
        => Write(folder, model.Tensors.ToDictionary(pair => pair.Name, pair => pair.Tensor, StringComparer.Ordinal), vocabulary, half);

    /// <summary>Writes tensors and vocabulary.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="tensors">The tensors; borrowed.</param>
    /// <param name="vocabulary">The words.</param>
    /// <param name="half">Whether matrices are written in half precision.</param>
    public static TrainingResult Write(string folder, IReadOnlyDictionary<string, Tensor> tensors, Vocabulary vocabulary, bool half = false)
    {
        string weights = Path.Combine(folder, WeightsFile), words = Path.Combine(folder, VocabularyFile);
        AtomicFile.Write(words, JsonSerializer.SerializeToUtf8Bytes([.. vocabulary.Words], DtNetJson.Default.StringArray));
        SafetensorsWriter.Save(weights, tensors, new Dictionary<string, string> { [HashKey] = vocabulary.Hash }, half);
        return new TrainingResult([$"open {WeightsFile}; its words lie beside it in {VocabularyFile}"], [weights, words]);
    }
}
