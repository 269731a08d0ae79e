using System.Text.Json;
using Aperture.Diffusion;
using Aperture.Plugins.InstDiffEdit.Training;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit;

/// <summary>Opens Stable Diffusion checkpoints as an editor, and trains their parts.</summary>
internal sealed class EditorFactory : ITaskFactory<IImageEditor>, ITrainedTask
{
    public const string EditorName = "instdiffedit";

    public string Name => EditorName;

    public string Summary
        => "InstDiffEdit (arXiv 2401.07709): edits a picture where the attention of a sentence's words finds it; DiffEdit and SDEdit to compare with.";

    public string Checkpoints => "Stable Diffusion 1 in diffusers' folders, or in the original single file.";

    public IReadOnlyList<MethodOption> Options => MethodOptions.Describe(EditorJson.Default.EditorOptions);

    public IReadOnlyList<MethodOption> TrainingOptions => DiffusionTrainingOptions.Describe();

    public bool Recognises(ITaskCheckpoint checkpoint)
        => checkpoint.IsFolder ? DiffusionModel.IsFolder(checkpoint.Has) : checkpoint.Weights is { } weights && DiffusionModel.IsFile(weights);

    public IImageEditor Open(string checkpoint, JsonElement options, Device device, IMethodFiles files)
    {
        EditorOptions bound = MethodOptions.Bind(EditorName, options, EditorJson.Default.EditorOptions);
        string? tokenizer = bound.Tokenizer is { } name ? files.Resolve(name) : null;
        DiffusionModelOptions opening = new()
        {
            Device = device,
            Type = bound.ElementType,
            Weights = bound.Format,
            Tokenizer = tokenizer,
            Tell = files.Tell,
        };
        DiffusionModel model = DiffusionModel.Open(checkpoint, opening);
        DiffusionModel? painter = null;
        try
        {
            if (bound.Paints)
            {
                string inpaint = files.Resolve(bound.Inpaint!);
                painter = DiffusionModel.IsUNet(inpaint) ? model.WithUNet(inpaint) : DiffusionModel.Open(inpaint, opening);
            }

            return new DiffusionEditor(model, painter, bound);
        }
        catch
        {
            painter?.Dispose();
            model.Dispose();
            throw;
        }
    }

    public ITaskTraining BeginTraining(
        string checkpoint, IReadOnlyList<TaskSample> samples, JsonElement options, Device device, IMethodFiles files, string outputFolder)
    {
        DiffusionTrainingOptions bound = MethodOptions.Bind(EditorName, options, EditorJson.Default.DiffusionTrainingOptions);
        return DiffusionTraining.Begin(checkpoint, samples, bound, device, outputFolder);
    }
}
