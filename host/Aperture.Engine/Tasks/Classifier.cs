using System.Text.Json;
using Aperture.Hub;
using Aperture.Images;
using Aperture.Plugins;
using Aperture.Plugins.Hosting;
using Aperture.Requests;
using Aperture.Tasks;
using Aperture.Training;
using Aperture.Vision;

namespace Aperture.Engine;

/// <summary>A model of a plugin that chooses among labels for pictures and a text. It holds its plugin until it is disposed. Questions are answered in the order they were asked, from any thread.</summary>
public sealed class Classifier : IDisposable
{
    private readonly RequestQueue _requests;
    private readonly PluginLease _lease;
    private IVisionLanguageClassifier? _model;

    private Classifier(RequestQueue requests, PluginLease lease, IVisionLanguageClassifier model, string checkpoint)
    {
        _requests = requests;
        _lease = lease;
        _model = model;
        Checkpoint = checkpoint;
    }

    /// <summary>The file it was opened from.</summary>
    public string Checkpoint { get; }

    /// <summary>What it can be asked for.</summary>
    public IReadOnlyList<ClassifierTask> Tasks => Model.Tasks;

    private IVisionLanguageClassifier Model => _model ?? throw new ObjectDisposedException(nameof(Classifier));

    /// <summary>The labels of a text about a picture, the likeliest first.</summary>
    /// <param name="task">Name of one of <see cref="Tasks"/>.</param>
    /// <param name="image">The picture.</param>
    /// <param name="text">The question or sentence.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public IReadOnlyList<LabelScore> Classify(string task, Image image, string text, CancellationToken cancellationToken = default) => Classify(task, [image], [text], cancellationToken)[0];

    /// <summary>The labels of several texts about the same pictures.</summary>
    /// <param name="task">Name of one of <see cref="Tasks"/>.</param>
    /// <param name="images">As many pictures as the task takes.</param>
    /// <param name="texts">The questions or sentences.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>Text by text all labels, the likeliest first.</returns>
    /// <exception cref="ApertureException">The checkpoint has no such task, or the number of pictures is not the task's.</exception>
    public IReadOnlyList<IReadOnlyList<LabelScore>> Classify(string task, IReadOnlyList<Image> images, IReadOnlyList<string> texts, CancellationToken cancellationToken = default)
        => _requests.Run(this, token => ClassifyNow(task, images, texts, token), cancellationToken);

    /// <summary>Texts by how well they fit a picture, the best first.</summary>
    /// <param name="task">A task with a single label, such as METER's <c>retrieval</c>.</param>
    /// <param name="image">The picture.</param>
    /// <param name="texts">The texts.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    public IReadOnlyList<(string Text, double Score)> Rank(string task, Image image, IReadOnlyList<string> texts, CancellationToken cancellationToken = default)
        => [.. Classify(task, [image], texts, cancellationToken).Select((scores, i) => (texts[i], scores[0].Score)).OrderByDescending(pair => pair.Score)];

    /// <summary>Cancels the questions that are being answered, waits for them, disposes the model and gives its plugin back.</summary>
    public void Dispose()
    {
        IVisionLanguageClassifier? model = Interlocked.Exchange(ref _model, null);
        if (model is null || !_requests.Close(this, $"The classifier '{Checkpoint}'"))
        {
            return;
        }

        try
        {
            model.Dispose();
        }
        finally
        {
            _lease.Dispose();
        }
    }

    /// <summary>Opens a checkpoint with the plugin that knows its architecture.</summary>
    internal static Classifier Open(PluginHost plugins, RequestQueue requests, HubCache cache, string architecture, string checkpoint, JsonElement options, string device)
    {
        string path = Existing(checkpoint);
        PluginLease lease = plugins.LeaseFor(architecture, "classifier", out IVisionLanguageClassifierFactory factory);
        try
        {
            return new Classifier(requests, lease, factory.Open(path, options, Devices.Parse(device), new Files(Path.GetDirectoryName(path)!, cache)), path);
        }
        catch
        {
            lease.Dispose();
            throw;
        }
    }

    /// <summary>Trains a checkpoint with the plugin that knows its architecture.</summary>
    internal static TrainingResult Train(
        PluginHost plugins, HubCache cache, string architecture, string checkpoint, string samples, string output, JsonElement options, string device, IProgress<TrainingProgress>? progress,
        CancellationToken cancellationToken)
    {
        string path = Existing(checkpoint);
        IReadOnlyList<ClassifierSample> read = ClassifierSamples.Read(samples);
        using PluginLease lease = plugins.LeaseFor(architecture, "classifier", out IVisionLanguageClassifierFactory factory);
        return factory is ITrainedClassifier trained
            ? ClassifierTrainer.Run(architecture, trained, path, read, options, Devices.Parse(device), new Files(Path.GetDirectoryName(path)!, cache), output, progress, cancellationToken)
            : throw new ApertureException($"The classifier '{architecture}' has nothing to train; it works as it is.");
    }

    private IReadOnlyList<IReadOnlyList<LabelScore>> ClassifyNow(string task, IReadOnlyList<Image> images, IReadOnlyList<string> texts, CancellationToken cancellationToken)
    {
        List<VisionInput> pictures = [];
        try
        {
            foreach (Image image in images)
            {
                pictures.Add(Model.Prepare(image.ConvertToRgb().Pixels, image.Width, image.Height));
            }

            return Model.Classify(task, pictures, texts, cancellationToken);
        }
        finally
        {
            pictures.ForEach(picture => picture.Dispose());
        }
    }

    private static string Existing(string checkpoint)
        => File.Exists(checkpoint) ? Path.GetFullPath(checkpoint) : throw new ApertureException($"There is no checkpoint '{checkpoint}'; give the path of a weights file.");

    private sealed class Files(string folder, HubCache cache) : IMethodFiles
    {
        public string? ModelFolder => folder;

        public string Resolve(string path)
        {
            string beside = Path.Combine(folder, path);
            if (Path.Exists(path) || Path.Exists(beside))
            {
                return Path.Exists(path) ? Path.GetFullPath(path) : beside;
            }

            bool hub = HubRepo.IsId(path);
            return (hub ? cache.Find(HubRepo.Parse(path)) : null)
                ?? throw new ApertureException($"There is no '{path}', neither here nor beside the checkpoint{(hub ? $" nor in the cache; fetch it with: aperture pull {path}" : "; check the name")}.");
        }
    }
}
