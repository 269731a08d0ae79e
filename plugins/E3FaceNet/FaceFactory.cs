using System.Text.Json;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Text;
using Aperture.Plugins.E3FaceNet.Training;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet;

/// <summary>Opens and trains E3-FaceNet checkpoints.</summary>
internal sealed class FaceFactory : ITaskFactory<IFaceGenerator>, ITrainedTask
{
    public const string GeneratorName = "e3-facenet";

    /// <summary>Folder of the text encoder beside a checkpoint.</summary>
    public const string ClipFolder = "clip";

    public string Name => GeneratorName;

    public string Summary => "E3-FaceNet (arXiv 2403.06702): a face from a sentence in one pass, seen from anywhere, edited with another sentence.";

    public string Checkpoints
        => "E3-FaceNet's training pickle (.pkl), or its generator's tensors in another weights file; CLIP ViT-B/32's text encoder beside it.";

    public IReadOnlyList<MethodOption> Options => MethodOptions.Describe(FaceJson.Default.FaceOptions);

    public IReadOnlyList<MethodOption> TrainingOptions => FaceTrainingOptions.Describe();

    public bool Recognises(ITaskCheckpoint checkpoint) => checkpoint.Weights is { } weights && FaceCheckpoint.IsOne(weights);

    public IFaceGenerator Open(string checkpoint, JsonElement options, Device device, IMethodFiles files)
    {
        FaceOptions bound = MethodOptions.Bind(GeneratorName, options, FaceJson.Default.FaceOptions);
        List<IDisposable> owned = [];
        T Own<T>(T part)
            where T : IDisposable
        {
            owned.Add(part);
            return part;
        }

        try
        {
            FaceCheckpoint file = Own(FaceCheckpoint.Open(checkpoint));
            FaceModel model = Own(FaceModel.Load(file.Generator, FaceConfig.Read(file.Generator), device, bound.ElementType));
            FaceText? text = null;
            if (model.Config.Text > 0)
            {
                text = Own(FaceText.Open(FindClip(bound.Clip, files), bound.Tokenizer is { } name ? files.Resolve(name) : null, device));
                CheckText(text, model.Config);
            }
            else if (!bound.IgnoreText)
            {
                throw new ApertureException(
                    $"{GeneratorName}: '{checkpoint}' has no text part (mapping.embed, b*_attn and b*_offset are missing), so that sentences mean nothing to "
                    + "it; set IgnoreText to make faces of the seed alone.");
            }

            return new FaceGenerator(model, text, bound, owned);
        }
        catch
        {
            owned.AsEnumerable().Reverse().ToList().ForEach(part => part.Dispose());
            throw;
        }
    }

    public ITaskTraining BeginTraining(
        string checkpoint, IReadOnlyList<TaskSample> samples, JsonElement options, Device device, IMethodFiles files, string outputFolder)
    {
        FaceTrainingOptions bound = MethodOptions.Bind(GeneratorName, options, FaceJson.Default.FaceTrainingOptions);
        return FaceTraining.Begin(checkpoint, samples, bound, device, files, outputFolder);
    }

    /// <summary>The text encoder that options name, or that lies beside the checkpoint.</summary>
    internal static string FindClip(string? name, IMethodFiles files)
    {
        if (name is not null)
        {
            return files.Resolve(name);
        }

        string? beside = files.ModelFolder is { } folder ? Path.Combine(folder, ClipFolder) : null;
        return beside is not null && Directory.Exists(beside)
            ? beside
            : throw new ApertureException(
                $"{GeneratorName}: there is no folder {ClipFolder} beside the checkpoint; name CLIP's text encoder as Clip, such as "
                + "openai/clip-vit-base-patch32.");
    }

    /// <summary>Refuses an encoder of other widths than the generator was trained with.</summary>
    internal static void CheckText(FaceText text, FaceConfig config)
    {
        if (text.PooledWidth != config.Text || text.TokenWidth != config.Token)
        {
            throw new ApertureException(
                $"{GeneratorName}: the generator takes sentences of width {config.Text} and tokens of width {config.Token}, but the text encoder gives "
                + $"{text.PooledWidth} and {text.TokenWidth}; name the CLIP that it was trained with.");
        }
    }
}
