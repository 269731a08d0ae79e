using System.Text.Json;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins.GammaMod.Calibration;
using Aperture.Plugins.GammaMod.Training;
using Aperture.Training;
using Microsoft.Extensions.Logging;

namespace Aperture.Plugins.GammaMod;

/// <summary>Makes gamma-MoD routers, ranks a model's layers by how little their attention does, and trains routers with or without the model.</summary>
internal sealed class GammaModFactory(ILogger<GammaModFactory> log) : IMethodFactory, ICalibratedMethod, ITrainedMethod, IBenchmarkedMethod
{
    public const string MethodName = "gamma-mod";

    public string Name => MethodName;

    public string Summary => "Lets each token skip decoder layers that a trained router finds needless for it (gamma-MoD, arXiv 2410.13859).";

    public string Paper => "γ-MoD: Exploring Mixture-of-Depth Adaptation for Multimodal Large Language Models (arXiv 2410.13859)";

    public IReadOnlyList<MethodOption> Options => GammaModOptions.Describe();

    public IReadOnlyList<MethodOption> CalibrationOptions => ArankOptions.Describe();

    public IReadOnlyList<MethodOption> TrainingOptions => GammaModTrainingOptions.Describe();

    public IReadOnlyList<string> WeightKeys => [RouterWeights.KeyPattern];

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
    {
        GammaModOptions bound = MethodOptions.Bind(MethodName, options, OptionsJson.Default.GammaModOptions);
        CheckpointSettings checkpoint = CheckpointSettings.Read(files.ModelFolder);
        RouterWeights routers = RouterLookup.Find(bound, decoder, files, checkpoint);
        if (!routers.AreShared)
        {
            log.LogWarning("gamma-mod: the routers of {Model} differ from layer to layer; each layer uses its own.", decoder.Model);
        }

        return new GammaModRouter(routers, RoutingRules.Of(bound, checkpoint.IsMiniGemini), null);
    }

    public MethodBenchmark? Benchmark(DecoderInfo decoder) => RouterBenchmark.Of(decoder);

    public CalibrationResult Calibrate(
        ICalibrationModel model, JsonElement options, IProgress<CalibrationProgress>? progress, CancellationToken cancellationToken)
        => new ArankCalibration(model, MethodOptions.Bind(MethodName, options, OptionsJson.Default.ArankOptions), progress).Run(cancellationToken);

    public ITrainingRun BeginTraining(ITrainingModel model, JsonElement options)
        => new GammaModTrainingRun(model, MethodOptions.Bind(MethodName, options, OptionsJson.Default.GammaModTrainingOptions));

    public static ApertureException Error(string message) => new($"{MethodName}: {message}.");
}
