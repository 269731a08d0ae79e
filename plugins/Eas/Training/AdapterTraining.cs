using System.Text.Json;
using Aperture.Measuring;
using Aperture.Training;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Training;

/// <summary>Leaves chosen attention sub-layers out and trains fresh adapters around that: the second phase of EAS.</summary>
internal sealed class AdapterTraining : ITrainingRun
{
    /// <summary>The file of a training without the projector.</summary>
    public const string FileName = "adapters.safetensors";

    private readonly ITrainingModel _model;
    private readonly EasTrainingOptions _options;
    private readonly HashSet<int> _skipped;
    private readonly AdapterParameters _parameters;

    /// <exception cref="ApertureException">Options do not fit the model, or nothing says which layers are left out.</exception>
    public AdapterTraining(ITrainingModel model, EasTrainingOptions options)
    {
        _model = model;
        _options = options;
        Plan = options.Plan(TrainedBase.Of(model), model.Samples);
        _skipped = [.. Layers(model, options)];
        if (_skipped.Count == model.Decoder.Layers)
        {
            throw EasAdapters.Error($"SkipLayers names all {_skipped.Count} layers; some attention must stay");
        }

        _parameters = new AdapterParameters(model, options, _skipped, Plan.Seed);
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters => _parameters.All;

    public TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken)
        => new(
            AdapterStep.Loss(_model, batch, _parameters, _skipped, _options.Dropout, AdapterStep.Seed(Plan.Seed, step), cancellationToken),
            new Dictionary<string, double>());

    public TrainingResult Save()
    {
        Dictionary<string, Tensor> adapters = _parameters.Named().ToDictionary(pair => pair.Name, pair => pair.Tensor, StringComparer.Ordinal);
        string layers = _skipped.Count == 0 ? "all attention is kept" : $"attention left out in layers {string.Join(", ", _skipped.Order())}";
        if (_parameters.Base == TrainedBase.Lavin)
        {
            // Adapters of the kind that a layer does not use go, so that the file says which layers are skipped.
            return new TrainingResult(
                [layers, "open the model with this file as its --adapters"],
                _model.SaveCheckpoint(adapters, name => EasAdapters.IsAdapter(name) && !adapters.ContainsKey(name)));
        }

        if (_options.TrainProjector)
        {
            return new TrainingResult(
                [layers, "the folder is a checkpoint of its own; its skipped layers have no attention weights"],
                _model.SaveCheckpoint(
                    adapters, name => _skipped.Any(layer => name.StartsWith($"{EasAdapters.Prefix}{layer}.self_attn.", StringComparison.Ordinal))));
        }

        Directory.CreateDirectory(_model.OutputFolder);
        string path = Path.Combine(_model.OutputFolder, FileName);
        SafetensorsWriter.Save(path, adapters);
        return new TrainingResult([layers, $"put {FileName} into the folder 'eas' beside the model, or name it with Adapters"], [path]);
    }

    public void Dispose() => _parameters.Dispose();

    private static int[] Layers(ITrainingModel model, EasTrainingOptions options)
    {
        if (SkipList.IsGiven(options.SkipLayers))
        {
            return SkipList.Read(options.SkipLayers!.Value, model.Decoder, model.Files, options.SkipCount);
        }

        string beside = Path.Combine(model.Files.ModelFolder ?? "", "eas", SearchTraining.FileName);
        foreach (string path in new[] { Path.Combine(model.OutputFolder, SearchTraining.FileName), beside })
        {
            if (File.Exists(path))
            {
                using JsonDocument name = JsonDocument.Parse($"\"{JsonEncodedText.Encode(path)}\"");
                return SkipList.Read(name.RootElement, model.Decoder, model.Files, options.SkipCount);
            }
        }

        throw EasAdapters.Error($"nothing says which layers to leave out; search first (Stage=Search), or give SkipLayers, such as [3, 5]");
    }
}
