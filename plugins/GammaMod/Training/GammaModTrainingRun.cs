using System.Globalization;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Training;

/// <summary>Trains one router for all MoD layers, with the model or alone: next-token loss through the routed decoder plus the router's own loss.</summary>
internal sealed class GammaModTrainingRun : ITrainingRun
{
    private readonly ITrainingModel _model;
    private readonly GammaModTrainingOptions _options;
    private readonly int[] _layers;
    private readonly string _routerName;
    private readonly Tensor _router; // float32 [2, d]
    private readonly TrainingRule _rule;
    private readonly bool _all;

    public GammaModTrainingRun(ITrainingModel model, GammaModTrainingOptions options)
    {
        _model = model;
        _options = options;
        Plan = options.Plan(GammaModFactory.MethodName, GammaModTrainingOptions.Defaults, GammaModTrainingOptions.DefaultEpochs, model.Samples);
        CheckpointSettings checkpoint = CheckpointSettings.Read(model.Files.ModelFolder);
        bool miniGemini = options.Variant is { } variant ? GammaModOptions.Is(variant, "mgm") : checkpoint.IsMiniGemini;
        _layers = RouterStart.Layers(options, model, checkpoint);
        _routerName = RouterWeights.KeyOf(_layers[0]);
        _router = RouterStart.Weight(model, Plan.Seed, miniGemini);
        _rule = new TrainingRule { SkipRatio = options.TrainSkipRatio, PrefixLength = options.PrefixLength, MiniGemini = miniGemini };
        _all = GammaModOptions.Is(options.Train, "all");
        Dictionary<string, Tensor> parameters = new(StringComparer.Ordinal) { [_routerName] = _router };
        foreach ((string name, Tensor parameter) in _all ? model.Unfreeze(_ => true) : new Dictionary<string, Tensor>())
        {
            parameters[name] = parameter;
        }

        Parameters = parameters;
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    public double RateScale(string name) => name == _routerName ? _options.RouterRate : 1;

    public TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken)
    {
        using GammaModRouter router = new(RouterWeights.Trained(_layers, _router), new RoutingRules(), _rule);
        using IDecoderRun run = batch.Begin([router]);
        run.RunTo(_model.Decoder.Layers, cancellationToken);
        using Tensor nextToken = run.NextTokenLoss();
        Tensor loss = RouterLoss.Total(nextToken, run.Losses.Select(own => own.Loss), _options.AuxLossCoef);
        return new TrainingStep(loss, new Dictionary<string, double>
        {
            ["tokens"] = nextToken.item<float>(),
            ["router"] = run.Losses.Average(own => (double)own.Loss.item<float>()),
            ["would skip"] = router.WouldSkip,
        });
    }

    public TrainingResult Save()
    {
        // Every MoD layer has a copy of the one router, as published checkpoints have.
        using Tensor router = _router.detach();
        Dictionary<string, Tensor> routers = _layers.ToDictionary(RouterWeights.KeyOf, _ => router);
        string summary = string.Create(
            CultureInfo.InvariantCulture,
            $"layers that tokens may skip: {string.Join(",", _layers)}; trained with {_options.TrainSkipRatio:0.##} of the prefix skipping");
        if (_all)
        {
            return new TrainingResult([summary], _model.SaveCheckpoint(routers));
        }

        string path = Path.Combine(_model.OutputFolder, RouterLookup.File);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        SafetensorsWriter.Save(path, routers);
        return new TrainingResult([summary], [path]);
    }

    public void Dispose() => _router.Dispose();
}
