using Aperture.Training;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Training;

/// <summary>Writes a trained module: alone, or in a whole checkpoint where parts of the model were trained with it.</summary>
internal static class ModuleFile
{
    /// <summary>Writes.</summary>
    /// <param name="model">The model.</param>
    /// <param name="own">Whose weights.</param>
    /// <param name="weights">The weights.</param>
    /// <param name="whole">Whether to write a whole checkpoint.</param>
    /// <param name="summary">A line to show.</param>
    public static TrainingResult Save(ITrainingModel model, MethodFilesOf own, TrainedWeights weights, bool whole, string summary)
    {
        Dictionary<string, Tensor> trained = weights.Detached();
        try
        {
            if (whole)
            {
                return new TrainingResult([summary, $"the folder is a checkpoint of its own; ask it with '{own.Method}'"], model.SaveCheckpoint(trained));
            }

            string path = Path.Combine(model.OutputFolder, own.Beside);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            SafetensorsWriter.Save(path, trained);
            return new TrainingResult([summary, $"put the folder '{own.Method}' beside the model's files, or name its file with Weights"], [path]);
        }
        finally
        {
            foreach (Tensor tensor in trained.Values)
            {
                tensor.Dispose();
            }
        }
    }
}
