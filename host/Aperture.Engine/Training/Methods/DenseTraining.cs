using System.Text.Json;
using System.Text.Json.Serialization;
using Aperture.Plugins;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// Ordinary fine-tuning of decoder and projector, without a method: what a trained method is compared with, because the same extra steps alone may help.
/// Defaults are those of LLaVA-1.5's second stage.
/// </summary>
public sealed class DenseTraining : ITrainedMethod
{
    /// <summary>The name that stands for it where a method is asked for.</summary>
    public const string Name = "dense";

    private const double DefaultEpochs = 1;

    private static readonly TrainingPlan _defaults = new(1, 128, 2e-5);

    /// <inheritdoc />
    public IReadOnlyList<MethodOption> TrainingOptions { get; } = Training.TrainingOptions.Describe(_defaults, DefaultEpochs);

    /// <inheritdoc />
    public ITrainingRun BeginTraining(ITrainingModel model, JsonElement options)
        => new Run(model, MethodOptions.Bind(Name, options, DenseOptionsJson.Default.DenseOptions).Plan(Name, _defaults, DefaultEpochs, model.Samples));

    private sealed class Run(ITrainingModel model, TrainingPlan plan) : ITrainingRun
    {
        public TrainingPlan Plan => plan;

        public IReadOnlyDictionary<string, Tensor> Parameters { get; } = model.Unfreeze(_ => true);

        public TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken)
        {
            using IDecoderRun run = batch.Begin([]);
            run.RunTo(model.Decoder.Layers, cancellationToken);
            return new TrainingStep(run.NextTokenLoss(), new Dictionary<string, double>());
        }

        public TrainingResult Save() => new([], model.SaveCheckpoint(new Dictionary<string, Tensor>()));

        public void Dispose()
        {
        }
    }
}

/// <summary>Options of <see cref="DenseTraining"/>.</summary>
public sealed record DenseOptions : TrainingOptions;

[JsonSerializable(typeof(DenseOptions))]
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
internal sealed partial class DenseOptionsJson : JsonSerializerContext;
