using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Training;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Training;

/// <summary>Trains pooling on any model that shows pictures: next-token loss with its patches pooled.</summary>
internal sealed class SapTraining : ITrainingRun
{
    private readonly ITrainingModel _model;
    private readonly SapTrainingOptions _options;
    private readonly TrainedWeights _weights = new();

    public SapTraining(ITrainingModel model, SapTrainingOptions options)
    {
        _model = model;
        _options = options;
        Plan = options.Plan(SapFactory.MethodName, SapTrainingOptions.Defaults, SapTrainingOptions.DefaultEpochs, model.Samples);
        using (Generator generator = new((ulong)Plan.Seed, CPU))
        {
            _weights.Draw(SpatialPooling.Shapes(model.VisionChannels), generator, isPooling: true);
        }

        Dictionary<string, Tensor> all = new(_weights.Leaves, StringComparer.Ordinal);
        foreach ((string name, Tensor leaf) in options.TrainProjector ? model.Unfreeze(IsProjector) : new Dictionary<string, Tensor>())
        {
            all[name] = leaf;
        }

        Parameters = all;
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    /// <summary>Whether a parameter is the projector's.</summary>
    public static bool IsProjector(string name) => name.StartsWith("model.mm_projector.", StringComparison.Ordinal);

    public TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken)
    {
        using Generator generator = new(StepSeed.Of(Plan.Seed, step), CPU);
        SeededDropout? dropout = _options.Dropout > 0 ? new SeededDropout(_options.Dropout, generator) : null;
        using SapReducer reducer = new(new TypedWeights<SpatialPooling>(_weights.Source, SpatialPooling.Load, owns: false), _options.Pool, dropout);
        using IDecoderRun run = batch.Begin([reducer]);
        run.RunTo(_model.Decoder.Layers, cancellationToken);
        return new TrainingStep(run.NextTokenLoss(), new Dictionary<string, double>());
    }

    public TrainingResult Save() => ModuleFile.Save(
        _model, MethodFilesOf.Sap, _weights, _options.TrainProjector, $"squares of {_options.Pool}x{_options.Pool} patches become one token");

    public void Dispose() => _weights.Dispose();
}
