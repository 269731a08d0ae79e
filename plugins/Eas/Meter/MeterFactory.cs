using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.Eas.Training;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>Opens METER checkpoints, plain and with EAS's adapters.</summary>
internal sealed class MeterFactory : ITaskFactory<IClassifier>, ITrainedTask
{
    public const string ClassifierName = "meter";

    public string Name => ClassifierName;

    public string Summary => "METER (arXiv 2111.02387) for question answering, NLVR2, entailment and retrieval, with EAS's adapters and skipped attentions.";

    public string Checkpoints => "METER's Lightning files (.ckpt), or the same tensors in another weights file.";

    public IReadOnlyList<MethodOption> Options => MeterOptions.Describe();

    public IReadOnlyList<MethodOption> TrainingOptions => MeterTrainingOptions.Describe();

    public bool Recognises(ITaskCheckpoint checkpoint)
        => checkpoint.Weights is { } weights && weights.Contains(MeterKeys.TextTransform + ".weight") && weights.Contains(MeterKeys.TextPooler + ".weight");

    public IClassifier Open(string checkpoint, JsonElement options, Device device, IMethodFiles files)
    {
        MeterOptions bound = MethodOptions.Bind(ClassifierName, options, MeterJson.Default.MeterOptions);
        List<IWeightSource> sources = [];
        List<IDisposable> operations = [];
        try
        {
            sources.Add(MeterCheckpoint.Open(checkpoint));
            if (bound.Adapters is { } adapters)
            {
                sources.Add(MeterCheckpoint.Open(files.Resolve(adapters)));
            }

            if (bound.ImageSize is { } size)
            {
                sources.Add(MeterCheckpoint.Resampled(new CombinedWeights(sources, ownsSources: false), size));
            }

            CombinedWeights source = new(sources);
            MeterConfig config = MeterConfig.Read(source, bound.Heads, bound.VisionHeads);
            int[] arms = MeterSkip.Read(bound, config, source, files);
            MeterPlan plan = MeterPlan.FromArms(arms, config.Layers, bound.LegacyArmMap);
            WeightPolicy policy = WeightPolicy.InFormat(ClassifierName, bound.Format, device, ScalarType.Float32, operations);
            MeterModel model = MeterModel.Load(source, config, policy);
            try
            {
                policy.TellWhereNothingGains(ClassifierName, files.Tell);
                return new MeterClassifier(model, plan, bound, files, [source, .. operations]);
            }
            catch
            {
                model.Dispose();
                throw;
            }
        }
        catch
        {
            sources.ForEach(source => source.Dispose());
            operations.ForEach(own => own.Dispose());
            throw;
        }
    }

    public ITaskTraining BeginTraining(
        string checkpoint, IReadOnlyList<TaskSample> samples, JsonElement options, Device device, IMethodFiles files, string outputFolder)
    {
        MeterTrainingOptions bound = MethodOptions.Bind(ClassifierName, options, MeterJson.Default.MeterTrainingOptions);
        IWeightSource source = MeterCheckpoint.Open(checkpoint);
        IDisposable owner = source;
        try
        {
            int[] arms = bound.Skip is null ? [] : MeterSkip.Read(bound.ModelOptions, MeterConfig.Read(source, bound.Heads, bound.VisionHeads), source, files);
            MeterObjective objective = new(source, samples, bound, device, files);
            owner = objective;
            return bound.Stage == TrainingStage.Search
                ? new MeterSearchTraining(objective, bound, outputFolder)
                : new MeterTraining(objective, arms, bound.LegacyArmMap, outputFolder);
        }
        catch
        {
            owner.Dispose();
            throw;
        }
    }

    /// <summary>Refuses a tokenizer with ids that the text encoder does not know.</summary>
    internal static void CheckTokenizer(ITokenizer tokenizer, MeterConfig config)
    {
        if (tokenizer.VocabularySize > config.Text.Vocabulary)
        {
            throw new ApertureException(
                $"{ClassifierName}: the tokenizer has {tokenizer.VocabularySize} tokens, but the checkpoint's text encoder knows {config.Text.Vocabulary}; "
                + "use the tokenizer it was trained with.");
        }
    }
}
