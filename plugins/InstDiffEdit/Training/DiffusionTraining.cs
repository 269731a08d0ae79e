using Aperture.Diffusion;
using Aperture.Tasks;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>A training of one part of a latent diffusion model. Owns objective and means.</summary>
internal sealed class DiffusionTraining : ITaskTraining
{
    private const long Apart = 1_000_003;

    private readonly IDiffusionObjective _objective;
    private readonly IReadOnlyList<DiffusionSample> _samples;
    private readonly DiffusionTrainingOptions _options;
    private readonly MovingMeans? _means;
    private readonly string _start, _outputFolder;

    private DiffusionTraining(
        IDiffusionObjective objective, IReadOnlyList<DiffusionSample> samples, DiffusionTrainingOptions options, string start, string outputFolder)
    {
        (_objective, _samples, _options, _start, _outputFolder) = (objective, samples, options, start, outputFolder);
        Plan = options.PlanFor(samples.Count);
        _means = options.Ema > 0 ? new MovingMeans(objective.Parameters, options.Ema) : null;
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters => _objective.Parameters;

    public IReadOnlyDictionary<string, Tensor> State => _means?.State ?? new Dictionary<string, Tensor>();

    /// <summary>Prepares a training.</summary>
    /// <param name="start">A model's folder.</param>
    /// <param name="samples">The samples.</param>
    /// <param name="options">The user's options.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="outputFolder">Where the result goes.</param>
    public static DiffusionTraining Begin(
        string start, IReadOnlyList<TaskSample> samples, DiffusionTrainingOptions options, Device device, string outputFolder)
    {
        if (!Directory.Exists(start))
        {
            throw new ApertureException(
                $"{EditorFactory.EditorName}: '{start}' is no folder; training starts from a model in diffusers' layout, such as aperture "
                + $"{DiffusionStartCommand.Verb} writes.");
        }

        IReadOnlyList<DiffusionSample> read = DiffusionSample.Read(samples);
        if (options.Localization > 0 && read.All(sample => sample.Regions.Count == 0))
        {
            throw new ApertureException(
                $"{EditorFactory.EditorName}: Localization is {options.Localization}, but no sample has regions; add them, or leave Localization out.");
        }

        DiffusionFolder folder = new(start);
        IDiffusionObjective objective = options.Stage == DiffusionStage.Autoencoder
            ? new AutoencoderObjective(folder, read, options, device)
            : new DenoisingObjective(folder, DiffusionModel.Open(start, new() { Device = device, Type = ScalarType.Float32 }), options, device);
        try
        {
            return new DiffusionTraining(objective, read, options, start, outputFolder);
        }
        catch
        {
            objective.Dispose();
            throw;
        }
    }

    public TrainingStep Step(int step, IReadOnlyList<int> samples, CancellationToken cancellationToken)
    {
        _means?.Follow(step);
        manual_seed(unchecked((Plan.Seed * Apart) + step));
        Random random = new(unchecked((int)((Plan.Seed * Apart) + step)));
        (Tensor loss, IReadOnlyDictionary<string, double> metrics) = _objective.Run([.. samples.Select(sample => _samples[sample])], random, cancellationToken);
        return new TrainingStep(loss, metrics);
    }

    public TrainingResult Save()
    {
        _means?.Follow(Plan.Steps);
        manual_seed(Plan.Seed);
        string model = Path.Combine(_outputFolder, "model");
        DiffusionFolder folder = new(model);
        folder.Take(_start, except: [.. Parameters.Keys.Select(name => name[..name.IndexOf('.')]).Distinct()]);
        _objective.Write(folder, _means?.Means ?? Parameters, _options.SaveHalf);
        return new TrainingResult(
            [$"open it with Tasks.Load<IImageEditor>(\"{model}\")"], [.. Directory.EnumerateFiles(model, "*", SearchOption.AllDirectories).Order()]);
    }

    public void Dispose()
    {
        _means?.Dispose();
        _objective.Dispose();
    }
}
