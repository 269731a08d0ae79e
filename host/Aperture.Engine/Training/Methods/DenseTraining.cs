using System.IO.Enumeration;
using System.Text.Json;
using System.Text.Json.Serialization;
using Aperture.Plugins;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// Ordinary fine-tuning of decoder and projector, and of a vision encoder that can be trained, without a method: what a trained method is compared with,
/// because the same extra steps alone may help. Defaults are those of LLaVA-1.5's second stage.
/// </summary>
public sealed class DenseTraining : ITrainedMethod
{
    /// <summary>The name that stands for it where a method is asked for.</summary>
    public const string Name = "dense";

    private const double DefaultEpochs = 1;

    private static readonly TrainingPlan _defaults = new(1, 128, 2e-5);

    /// <inheritdoc />
    public IReadOnlyList<MethodOption> TrainingOptions { get; } =
    [
        .. Training.TrainingOptions.Describe(_defaults, DefaultEpochs),
        new(nameof(DenseOptions.Only), "text", "all", "Parameters that learn: names in which * stands for any characters, parted by |."),
    ];

    /// <inheritdoc />
    public ITrainingRun BeginTraining(ITrainingModel model, JsonElement options)
    {
        DenseOptions chosen = MethodOptions.Bind(Name, options, DenseOptionsJson.Default.DenseOptions);
        TrainingPlan plan = chosen.Plan(Name, _defaults, DefaultEpochs, model.Samples);
        string[] patterns = chosen.Only?.Split('|', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) ?? ["*"];
        IReadOnlyDictionary<string, Tensor> parameters = model.Unfreeze(
            name => Array.Exists(patterns, pattern => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false)));
        return parameters.Count > 0
            ? new Run(model, plan, parameters)
            : throw new ApertureException(
                $"{Name}: Only '{chosen.Only}' names none of the model's parameters; name some, such as *mm_projector*|*.self_attn.*, or leave it out.");
    }

    private sealed class Run(ITrainingModel model, TrainingPlan plan, IReadOnlyDictionary<string, Tensor> parameters) : ITrainingRun
    {
        public TrainingPlan Plan => plan;

        public IReadOnlyDictionary<string, Tensor> Parameters => parameters;

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
public sealed record DenseOptions : TrainingOptions
{
    /// <summary>Which parameters learn: names in which <c>*</c> stands for any characters, parted by <c>|</c>; null for all.</summary>
    public string? Only { get; set; }
}

[JsonSerializable(typeof(DenseOptions))]
[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
internal sealed partial class DenseOptionsJson : JsonSerializerContext;
