using Aperture.Decoding;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Training;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Training;

/// <summary>Trains learned queries and their block on any model that shows pictures.</summary>
internal sealed class EmbqTraining : ITrainingRun
{
    private readonly ITrainingModel _model;
    private readonly EmbqTrainingOptions _options;
    private readonly TrainedWeights _weights = new();
    private readonly SapReducer? _sap;

    public EmbqTraining(ITrainingModel model, EmbqTrainingOptions options)
    {
        _model = model;
        _options = options;
        Plan = options.Plan(EmbqFactory.MethodName, EmbqTrainingOptions.Defaults, EmbqTrainingOptions.DefaultEpochs, model.Samples);
        DecoderInfo decoder = model.Decoder;
        if (options.Layer >= decoder.Layers)
        {
            throw new ApertureException(
                $"{EmbqFactory.MethodName}: Layer is {options.Layer}, but {decoder.Model} has layers 0 to {decoder.Layers - 1}; give one of them.");
        }

        int channels = model.VisionChannels, width = options.WidthFor(decoder.Heads, channels);
        _sap = options.Pool == 1 ? null
            : new SapReducer(new TypedWeights<SpatialPooling>(MethodFilesOf.Sap.Load(null, decoder, model.Files), SpatialPooling.Load), options.Pool);
        using (Generator generator = new((ulong)Plan.Seed, CPU))
        {
            _weights.Draw([(LearnedQueries.Published, [options.Queries, decoder.HiddenSize])], generator, isPooling: false);
            _weights.Draw(EmbqWeights.Shapes(decoder.HiddenSize, width, channels), generator, isPooling: false);
        }

        Dictionary<string, Tensor> all = new(_weights.Leaves, StringComparer.Ordinal);
        foreach ((string name, Tensor leaf) in options.TrainProjector ? model.Unfreeze(SapTraining.IsProjector) : new Dictionary<string, Tensor>())
        {
            all[name] = leaf;
        }

        Parameters = all;
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    public TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken)
    {
        IWeightSource source = _weights.Source;
        using EmbqReducer reducer = new(
            new TypedWeights<LearnedQueries>(source, LearnedQueries.Load, owns: false),
            EmbqFactory.Block(source, _model.Decoder, fuseValues: false, owns: false),
            _options.Layer);
        IDecoderMethod[] methods = _sap is null ? [reducer] : [_sap, reducer];
        using IDecoderRun run = batch.Begin(methods);
        run.RunTo(_model.Decoder.Layers, cancellationToken);
        return new TrainingStep(run.NextTokenLoss(), new Dictionary<string, double>());
    }

    public TrainingResult Save() => ModuleFile.Save(
        _model, MethodFilesOf.Embq, _weights, _options.TrainProjector, $"{_options.Queries} queries, updated before layer {_options.Layer}");

    public void Dispose()
    {
        _sap?.Dispose();
        _weights.Dispose();
    }
}
