using Aperture.Engine;
using Aperture.Training;

namespace Aperture.Host;

/// <summary>The scripts' <c>Models</c>.</summary>
/// <param name="session">The engine session.</param>
public sealed class ModelGlobals(EngineSession session)
{
    /// <summary>Opens a model: a shipped one's name, a checkpoint folder, a hub id fetched with <c>aperture pull</c>, or a file that a pipeline was saved in. The session disposes it.</summary>
    /// <param name="idOrFolder">The model.</param>
    /// <param name="options">How to open it; null for the command line's device and threads and the checkpoint's own element type.</param>
    /// <returns>A pipeline without methods.</returns>
    public Task<Pipeline> Load(string idOrFolder, ModelOptions? options = null) => Task.Run(() => session.Load(idOrFolder, options));

    /// <summary>Opens a pipeline from its specification.</summary>
    /// <param name="spec">Model and methods.</param>
    public Task<Pipeline> Load(PipelineSpec spec) => Task.Run(() => session.Load(spec));

    /// <summary>Opens a classifier of a plugin, such as METER. The session disposes it.</summary>
    /// <param name="architecture">The name a plugin registers it under: <c>meter</c>.</param>
    /// <param name="checkpoint">The weights file.</param>
    /// <param name="options">Its options, for example <c>new { Tokenizer = "FacebookAI/roberta-base" }</c>; null for all defaults.</param>
    public Task<Classifier> LoadClassifier(string architecture, string checkpoint, object? options = null)
        => Task.Run(() => session.LoadClassifier(architecture, checkpoint, options));

    /// <summary>Trains a classifier of a plugin on labelled samples. A run that was stopped or killed goes on from its last checkpoint.</summary>
    /// <param name="architecture">The name a plugin registers it under: <c>meter</c>.</param>
    /// <param name="checkpoint">The weights file to start from.</param>
    /// <param name="samples">JSON lines with image (one or a list), question or text, and answer.</param>
    /// <param name="output">Folder of the run: checkpoint, log and, at the end, what was trained.</param>
    /// <param name="options">Its training options; null for all defaults.</param>
    public Task<TrainingResult> TrainClassifier(string architecture, string checkpoint, string samples, string output, object? options = null)
        => Task.Run(() => session.TrainClassifier(architecture, checkpoint, samples, output, options, progress: null));
}
