using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Tasks;
using Aperture.Training;

namespace Aperture.Host;

/// <summary>The scripts' <c>Tasks</c>.</summary>
/// <param name="session">The engine session.</param>
public sealed class TaskGlobals(EngineSession session)
{
    /// <summary>The architectures that the enabled plugins offer; loads the plugins.</summary>
    public IReadOnlyList<PluginTask> List
    {
        get
        {
            session.Plugins.LoadAll(out _); // What does not load stands in Plugins.List.
            return [.. session.Plugins.Plugins.SelectMany(plugin => plugin.Tasks)];
        }
    }

    /// <summary>
    /// Opens a model that makes something else than a chat answer: <c>await Tasks.Load&lt;IClassifier&gt;("model.ckpt")</c>. The session disposes it.
    /// </summary>
    /// <typeparam name="T">What is wanted of it: <see cref="IClassifier"/>, <see cref="ISegmenter"/>, <see cref="IImageEditor"/>,
    /// <see cref="ICaptioner"/>, <see cref="IFaceGenerator"/>.</typeparam>
    /// <param name="folderOrFile">The checkpoint: a file, a folder, or a hub id fetched with <c>aperture pull</c>.</param>
    /// <param name="architecture">The architecture's name; null to take the one that recognises the checkpoint.</param>
    /// <param name="options">Its options, for example <c>new { Tokenizer = "FacebookAI/roberta-base" }</c>; null for all defaults.</param>
    public Task<OpenTask<T>> Load<T>(string folderOrFile, string? architecture = null, object? options = null)
        where T : class, ITaskModel
        => Task.Run(() => session.LoadTask<T>(folderOrFile, architecture, options));

    /// <summary>Trains a model on samples. A run that was stopped or killed goes on from its last checkpoint.</summary>
    /// <param name="folderOrFile">The checkpoint to start from.</param>
    /// <param name="samples">JSON lines with image (one or a list), question or text, answer, and whatever else the task wants.</param>
    /// <param name="output">Folder of the run: checkpoint, log and, at the end, what was trained.</param>
    /// <param name="architecture">The architecture's name; null to take the one that recognises the checkpoint.</param>
    /// <param name="options">Its training options; null for all defaults.</param>
    /// <param name="progress">Told as often as the log; null for nobody.</param>
    public Task<TrainingResult> Train(
        string folderOrFile, string samples, string output, string? architecture = null, object? options = null, IProgress<TrainingProgress>? progress = null)
        => Task.Run(() => session.TrainTask(folderOrFile, samples, output, architecture, options, progress));
}
